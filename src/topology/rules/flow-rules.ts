/** Rules about who writes what another reads. */
import {
  consumersOf,
  type FlowStage,
  flowStages,
  hasStage,
  producersOf,
  recordsOf,
  strayCycle,
} from '../flow.ts';
import { DEFAULT_STAGES, RESAMPLED, STAGE_RECORDS, STAGES, type StageName } from '../stage-configs.ts';
import { FEEDABLE, type TopicName } from '../topics.ts';
import type { Topology } from '../topology.ts';
import { error, type Rule, type RuleFinding, warning } from './rule.ts';

export const noStages: Rule = {
  name: 'no-stages',
  about: 'There is at least one stage.',
  check: (topology) =>
    flowStages(topology).length > 0
      ? []
      : [error(['stages'], 'there is no stage: list at least one under `stages`')],
};

export const noProducer: Rule = {
  name: 'no-producer',
  about:
    "A stage's input is written by another stage, fed from outside (`fed`), or read from another run (`source`).",
  check: (topology) => {
    const fed: readonly string[] = topology.fed;
    return flowStages(topology).flatMap(({ name, reads }): RuleFinding[] => {
      if (
        producersOf(topology, reads).length > 0 ||
        fed.includes(reads) ||
        topology.source?.topic === reads ||
        // Any stage writes failures; of what is no topic another rule speaks.
        reads === 'failures' ||
        recordsOf(topology, reads) === undefined
      ) {
        return [];
      }
      const makers =
        reads === RESAMPLED
          ? ['resample']
          : DEFAULT_STAGES.filter((stage) =>
              (STAGE_RECORDS[stage].writes as readonly string[]).includes(reads),
            );
      const add =
        makers.length > 0 ? `add the stage ${makers.map((maker) => `\`${maker}\``).join(' or ')}` : '';
      const isOwn = Object.hasOwn(topology.ownTopics, reads);
      const feed =
        isOwn || (FEEDABLE as readonly string[]).includes(reads)
          ? `list \`${reads}\` under \`fed\` if it is filled from outside`
          : '';
      const todo = [add, feed].filter((part) => part !== '').join(', or ');
      const path = ['stages', name, 'reads'];
      return [error(path, `\`${name}\` reads \`${reads}\`, which no stage writes: ${todo}`)];
    });
  },
};

export const wrongRecords: Rule = {
  name: 'wrong-records',
  about: 'A stage reads and writes topics of the records that it understands.',
  check: (topology) =>
    builtInStages(topology).flatMap(({ name, reads, writes }) => {
      const records: { readonly reads: TopicName; readonly writes: readonly TopicName[] } =
        STAGE_RECORDS[name];
      const findings: RuleFinding[] = [];
      const complain = (key: 'reads' | 'writes', message: string) =>
        findings.push(error(['stages', name, key], message));
      const read = recordsOf(topology, reads);
      if (read !== undefined && read !== records.reads) {
        complain(
          'reads',
          `\`${name}\` cannot read the records of \`${reads}\`: expected \`${records.reads}\`, or a topic with its records`,
        );
      }
      const holders = new Map<TopicName, string>();
      for (const topic of writes) {
        const written = recordsOf(topology, topic);
        if (written === undefined) continue;
        if (written === null || !records.writes.includes(written)) {
          const expected = records.writes.map((known) => `\`${known}\``).join(', ');
          complain('writes', `\`${name}\` does not write records of \`${topic}\`: expected ${expected}`);
          continue;
        }
        const other = holders.get(written);
        if (other === undefined) holders.set(written, topic);
        else
          complain(
            'writes',
            `\`${topic}\` and \`${other}\` hold the same records: \`${name}\` writes to one`,
          );
      }
      if (writes.some((topic) => recordsOf(topology, topic) === undefined)) return findings;
      if (name === 'train' && (holders.get('updates') ?? 'updates') !== 'updates') {
        complain(
          'writes',
          '`train` writes its updates to `updates`: that is where its checkpoints look for them',
        );
      }
      for (const topic of records.writes.filter((needed) => !holders.has(needed))) {
        complain('writes', `\`${name}\` also writes \`${topic}\`, which is missing from \`writes\``);
      }
      return findings;
    }),
};

/** Those whose operator is Swirl's. */
function builtInStages(topology: Topology): (FlowStage & { readonly name: StageName })[] {
  return flowStages(topology).flatMap((stage) => {
    const name = STAGES.find((known) => known === stage.name);
    return name === undefined || topology.stages[name] === undefined ? [] : [{ ...stage, name }];
  });
}

export const strayCycles: Rule = {
  name: 'cycle',
  about: 'The only cycle is that of turns, which ends at `maxSteps`.',
  check: (topology) => {
    const cycle = strayCycle(topology);
    if (cycle === null) return [];
    return [
      error(
        ['stages', String(cycle[0]), 'writes'],
        `the stages run in a circle that never ends: ${cycle.join(' -> ')}; only the cycle of \`turns\` may be`,
      ),
    ];
  },
};

export const twoReaders: Rule = {
  name: 'two-readers',
  about:
    "A topic is consumed by one of Swirl's stages: two would each work on every record. Stages of one's own may read along.",
  check: (topology) =>
    [...new Set(flowStages(topology).map((stage) => stage.reads))].flatMap((topic) => {
      const readers = builtInStages(topology)
        .filter((stage) => stage.reads === topic)
        .map(({ name }) => name);
      return twice(readers, 'reads', { topic, why: 'each would work on every record' });
    }),
};

export const twoWriters: Rule = {
  name: 'two-writers',
  about: 'Only `turns` has several producers.',
  check: (topology) => {
    const topics = new Set(flowStages(topology).flatMap((stage) => stage.writes));
    topics.delete('turns');
    topics.delete('failures');
    return [...topics].flatMap((topic) => {
      // Swirl's first: of two it is one's own that is in the way.
      const isOwn = (name: string) => Number(Object.hasOwn(topology.ownStages, name));
      const writers = producersOf(topology, topic).sort((a, b) => isOwn(a) - isOwn(b));
      return twice(writers, 'writes', { topic, why: 'its records would be there twice' });
    });
  },
};

/** That a second stage does with a topic what only one may do. */
function twice(
  [first, second]: readonly string[],
  does: 'reads' | 'writes',
  { topic, why }: { readonly topic: string; readonly why: string },
): RuleFinding[] {
  if (first === undefined || second === undefined) return [];
  const message = `\`${second}\` ${does} \`${topic}\`, which \`${first}\` ${does} too: ${why}`;
  return [error(['stages', second, does], message)];
}

export const unendedTurns: Rule = {
  name: 'broken-turns',
  about: 'The stages of a rollout (start, rollout, and tools where a task has tools) are there together.',
  check: (topology) => {
    const has = (name: StageName) => hasStage(topology, name);
    const findings: RuleFinding[] = [];
    for (const name of ['start', 'branch'] as const) {
      if (!has(name) || has('rollout')) continue;
      findings.push(
        error(['stages', name], `\`${name}\` begins rollouts, but there is no stage \`rollout\` to go on`),
      );
    }
    const withTools = Object.entries(topology.tasks).find(([, task]) => task.tools.length > 0);
    if (has('rollout') && !has('tools') && withTools !== undefined) {
      findings.push(
        error(
          ['stages', 'rollout'],
          `the task \`${withTools[0]}\` has tools, but there is no stage \`tools\` to answer its calls`,
        ),
      );
    }
    return findings;
  },
};

export const sourceConflict: Rule = {
  name: 'source-conflict',
  about: 'A replay reads a topic of another run, which a stage here consumes and none here writes.',
  check: (topology) => {
    const { source, run } = topology;
    if (source === null) return [];
    const findings: RuleFinding[] = [];
    if (source.run === run) {
      findings.push(
        error(
          ['source', 'run'],
          `the run \`${run}\` cannot replay itself: give the new run another name (\`run\`)`,
        ),
      );
    }
    const [reader] = consumersOf(topology, source.topic);
    if (reader === undefined) {
      findings.push(
        error(['source', 'topic'], `no stage reads \`${source.topic}\`, so there is nothing to replay`),
      );
    }
    for (const writer of producersOf(topology, source.topic)) {
      if (source.topic === 'turns' && writer !== 'start') continue;
      findings.push(
        error(
          ['source', 'topic'],
          `\`${source.topic}\` is read from the run \`${source.run}\`, so what \`${writer}\` writes there would be read by nobody: take \`${writer}\` out`,
        ),
      );
    }
    if (source.topic === 'turns' || source.topic === 'tool-calls') {
      findings.push(
        error(
          ['source', 'topic'],
          `\`${source.topic}\` is inside the cycle of a rollout and cannot be replayed alone: replay \`questions\` or \`trajectories\``,
        ),
      );
    }
    return findings;
  },
};

export const idleFeed: Rule = {
  name: 'idle-feed',
  about: 'What is fed is read by a stage (`questions`, which is the default, may wait).',
  check: (topology) =>
    topology.fed.flatMap((topic, index) =>
      // What a replay has left out above it was fed to the run that it reads.
      topic === 'questions' || topology.source !== null || consumersOf(topology, topic).length > 0
        ? []
        : [warning(['fed', index], `\`${topic}\` is fed, but no stage reads it`)],
    ),
};
