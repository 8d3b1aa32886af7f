/** The topics of a run, as configuration names them. */
import { z } from 'zod';
import type { TopicRecords } from '../topics/records.generated.ts';

export type TopicName = keyof TopicRecords;

/** In the order of the flow. */
export const TOPICS = [
  'questions',
  'turns',
  'tool-calls',
  'trajectories',
  'sub-trajectories',
  'judged',
  'accepted',
  'scored',
  'updates',
  'failures',
] as const satisfies readonly TopicName[];

/** Fails to compile when a schema adds a topic that is not listed above. */
export type EveryTopicIsListed = TopicName extends (typeof TOPICS)[number] ? true : never;
export const everyTopicIsListed: EveryTopicIsListed = true;

/** Topics that a person or program may fill. `turns` and `tool-calls` are between two stages of a rollout. */
export const FEEDABLE = [
  'questions',
  'trajectories',
  'sub-trajectories',
  'judged',
  'accepted',
  'scored',
] as const;

const topicConfig = z
  .strictObject({
    partitions: z
      .number()
      .int()
      .min(1)
      .max(1024)
      .default(1)
      .describe('How many partitions; records of one trajectory stay in one.'),
  })
  .prefault({});

export const topicsConfig = z.strictObject({
  questions: topicConfig,
  turns: topicConfig,
  'tool-calls': topicConfig,
  trajectories: topicConfig,
  'sub-trajectories': topicConfig,
  judged: topicConfig,
  accepted: topicConfig,
  scored: topicConfig,
  updates: topicConfig,
  failures: topicConfig,
} satisfies Record<TopicName, typeof topicConfig>);
