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

const topicShape = z.strictObject({
  partitions: z
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(1)
    .describe('How many partitions; records of one trajectory stay in one.'),
});

const topicConfig = topicShape.prefault({});

/** Written by people and their scripts, so it need not be Avro. */
const questionsConfig = topicShape
  .extend({
    format: z
      .enum(['avro', 'json'])
      .default('avro')
      .describe(
        'json: values are JSON objects with the fields of a question, for producers of one line; Avro is understood there too.',
      ),
  })
  .prefault({});

export const topicsConfig = z.strictObject({
  questions: questionsConfig,
  turns: topicConfig,
  'tool-calls': topicConfig,
  trajectories: topicConfig,
  'sub-trajectories': topicConfig,
  judged: topicConfig,
  accepted: topicConfig,
  scored: topicConfig,
  updates: topicConfig,
  failures: topicConfig,
} satisfies Record<TopicName, typeof topicConfig | typeof questionsConfig>);

/** The topics whose values are JSON. */
export function jsonTopics(topics: z.output<typeof topicsConfig>): ReadonlySet<TopicName> {
  return new Set(topics.questions.format === 'json' ? ['questions'] : []);
}
