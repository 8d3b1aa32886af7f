/** Swirl's own topics. A topology may add others: see `topic-configs.ts`. */
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

/** Does not compile when a schema adds a topic that is not listed above. */
true satisfies TopicName extends (typeof TOPICS)[number] ? true : never;

/**
 * Topics of Swirl's own that a person or program may fill. `turns` and `tool-calls` are between two stages of
 * a rollout.
 */
export const FEEDABLE = [
  'questions',
  'trajectories',
  'sub-trajectories',
  'judged',
  'accepted',
  'scored',
] as const;
