/** A run that was made for a test: its folder, its resolved topology, and what its topics hold. */
import { createCodec } from '../../src/topics/avro/codec.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import type { Topic, TopicRecords, Update } from '../../src/topics/records.generated.ts';
import { topicSpecs } from '../../src/topology/flow.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { writeResolved } from '../../src/topology/resolved.ts';
import type { Topology } from '../../src/topology/topology.ts';

/** Records by topic, in order, with the keys that the flow gives them. */
export type Made = { readonly [K in Topic]?: readonly TopicRecords[K][] };

const KEYS: { readonly [K in Topic]?: (record: TopicRecords[K]) => string } = {
  turns: ({ trajectory }) => trajectory,
  judged: ({ subTrajectory }) => subTrajectory.trajectory,
  accepted: ({ subTrajectory }) => subTrajectory.trajectory,
  scored: ({ subTrajectory }) => subTrajectory.trajectory,
};

/** A run of a policy that is not there any more, with `settings` on top. */
export function madeTopology(folder: string, run: string, settings: object = {}): Topology {
  return resolveTopology(
    {
      run,
      folder,
      policy: { kind: 'local', checkpoint: 'nowhere' },
      judge: { kind: 'rules' },
      reward: { kind: 'verdict' },
      tasks: { math: { tools: ['calculator'] } },
      tools: { calculator: { kind: 'calculator' } },
      ...settings,
    },
    folder,
  );
}

/** Makes the run where it is missing, and appends the records. */
export async function appendTo(topology: Topology, made: Made): Promise<void> {
  const { folder, run, transport } = topology;
  if (transport.kind !== 'embedded') throw new Error('expected the embedded log');
  const log = await openEmbeddedLog({ folder, run, config: { ...transport, durable: false } });
  try {
    await log.ensureTopics(topicSpecs(topology));
    writeResolved(topology);
    const codec = createCodec(transport);
    for (const [topic, records] of Object.entries(made) as [Topic, readonly { readonly id: string }[]][]) {
      const key = (KEYS[topic] ?? (({ id }: { readonly id: string }) => id)) as (record: unknown) => string;
      await log.append(
        records.map((record) => ({ topic, key: key(record), value: codec.encode(topic, record as never) })),
      );
    }
  } finally {
    await log.close();
  }
}

export function update(step: number, over: Partial<Update> = {}): Update {
  return {
    ...{ id: `update/${step}`, step, epoch: 0, partition: 0, fromOffset: 0, toOffset: 0 },
    ...{ trajectories: 1, subTrajectories: 2, dropped: 0, actionTokens: 10, rowTokens: 40 },
    ...{ meanReward: 0.5, loss: 1, meanLogprob: -1, kl: 0, meanRatio: null, clippedShare: null },
    ...{ gradNorm: 1, learningRate: 1e-4, weightsHash: `${step}`.padStart(64, '0'), by: null },
    ...over,
  };
}
