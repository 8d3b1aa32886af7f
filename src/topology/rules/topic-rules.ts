/** Rules about topics: that they are there, and that somebody writes and reads those that a topology adds. */

import { nearest } from '../../suggest.ts';
import { consumersOf, flowStages, producersOf, recordsOf, topicsOf } from '../flow.ts';
import { FEEDABLE, TOPICS } from '../topics.ts';
import type { Topology } from '../topology.ts';
import { error, type Rule, type RuleFinding, warning } from './rule.ts';

export const unknownTopic: Rule = {
  name: 'unknown-topic',
  about: "Topics that are named are there: Swirl's own, or one's own under `topics`.",
  check: (topology) => {
    const { fed, source } = topology;
    return [
      ...flowStages(topology).flatMap(({ name, reads, writes }) => [
        ...missing(topology, reads, { path: ['stages', name, 'reads'], who: `\`${name}\` reads` }),
        ...writes.flatMap((topic) =>
          missing(topology, topic, { path: ['stages', name, 'writes'], who: `\`${name}\` writes` }),
        ),
      ]),
      ...fed.flatMap((topic, index) => missing(topology, topic, { path: ['fed', index], who: '`fed` has' })),
      ...(source === null
        ? []
        : missing(topology, source.topic, { path: ['source', 'topic'], who: '`source` has' })),
    ];
  },
};

function missing(
  topology: Topology,
  topic: string,
  { path, who }: { readonly path: readonly PropertyKey[]; readonly who: string },
): RuleFinding[] {
  if (recordsOf(topology, topic) !== undefined) return [];
  const near = nearest(topic, topicsOf(topology));
  const hint =
    near !== null
      ? `did you mean \`${near}\`?`
      : `there are ${topicsOf(topology).join(', ')}; a topic of one's own stands under \`topics\``;
  return [error(path, `${who} \`${topic}\`, which is no topic; ${hint}`)];
}

export const closedTopic: Rule = {
  name: 'closed-topic',
  about: 'Only topics that a person or program may fill are under `fed`.',
  check: ({ fed }) =>
    fed.flatMap((topic, index) =>
      (TOPICS as readonly string[]).includes(topic) && !(FEEDABLE as readonly string[]).includes(topic)
        ? [
            error(
              ['fed', index],
              `\`${topic}\` is filled by Swirl alone: expected ${FEEDABLE.join(', ')}, or a topic of one's own`,
            ),
          ]
        : [],
    ),
};

export const idleTopic: Rule = {
  name: 'idle-topic',
  about:
    "Topics of one's own are written, or fed; those with records as a topic of Swirl's has them are read, too.",
  check: (topology) =>
    // A replay leaves the stages before its topic out.
    Object.entries(topology.source === null ? topology.ownTopics : {}).flatMap(([name, topic]) => {
      const written = producersOf(topology, name).length > 0 || topology.fed.includes(name);
      const read = consumersOf(topology, name).length > 0;
      // What is read and not written is told by `no-producer`.
      if (read) return [];
      const path = ['topics', name];
      if (!written) return [warning(path, `nothing writes or reads the topic \`${name}\``)];
      if (!('record' in topic)) return [];
      const readers = consumersOf(topology, topic.record).map((stage) => `\`${stage}\``);
      const meant = readers.length > 0 ? `; was ${readers.join(' or ')} to read it?` : '';
      return [
        warning(
          path,
          `no stage reads the topic \`${name}\`, whose records are those of \`${topic.record}\`${meant}`,
        ),
      ];
    }),
};
