/** Settings of topics, Swirl's own and those that a topology adds. */
import { z } from 'zod';
import { contentHash } from '../input/content-hash.ts';
import { TOPICS, type TopicName } from './topics.ts';

const partitions = z
  .number()
  .int()
  .min(1)
  .max(1024)
  .default(1)
  .describe('How many partitions; records of one trajectory stay in one.');

const topicShape = z.strictObject({ partitions });

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

const builtIn = {
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
} satisfies Record<TopicName, typeof topicConfig | typeof questionsConfig>;

/** A topic of one's own with records as one of Swirl's topics has them. */
const sameRecordsConfig = z.strictObject({
  record: z
    .enum(TOPICS)
    .describe("The topic of Swirl's own whose records it holds; keyed and partitioned as those are."),
  partitions,
});

/** JSON as YAML has it. */
const json = z.record(z.string(), z.unknown());

/** A topic of one's own with a schema of its own. */
const ownSchemaConfig = z.strictObject({
  schema: z
    .union([z.string().min(1), json])
    .describe(
      "The Avro schema of its records: a file, relative to the topology's, or the schema itself. The types in schemas/ may be used in it, such as `swirl.SubTrajectory`.",
    ),
  key: z
    .string()
    .min(1)
    .max(256)
    .describe('The field whose text decides the partition, such as `trajectory`; dots lead into records.'),
  partitions,
  hash: contentHash.describe(
    "SHA-256 of the schema's canonical form; null: any. Swirl writes it into `topology.resolved.yaml`, beside the schema.",
  ),
  earlier: z
    .array(json)
    .max(16)
    .default([])
    .describe('Schemas that records in this run were written with before. Swirl writes them, too.'),
});

const ownTopicConfig = z.union([ownSchemaConfig, sameRecordsConfig]);

/** A topic that a topology adds, as it is written. */
export type WrittenOwnTopic = z.output<typeof ownTopicConfig>;

/** Of Swirl's own topics. */
export type TopicsConfig = { readonly [K in TopicName]: z.output<(typeof builtIn)[K]> };

const shape = z.object(builtIn).catchall(ownTopicConfig);

/** What may be written: TypeScript cannot say "any other key", so that any key may have any of the forms. */
export type TopicsInput = { readonly [K in TopicName]?: z.input<(typeof builtIn)[K]> } & {
  readonly [name: string]: z.input<typeof ownTopicConfig> | z.input<typeof questionsConfig>;
};

/**
 * As `TopicsInput`, with every default: declared, as the type that zod infers is none that a `.d.ts` may
 * state.
 */
export type TopicsOutput = TopicsConfig & {
  readonly [name: string]: WrittenOwnTopic | TopicsConfig[TopicName];
};

export const topicsConfig = shape as unknown as z.ZodType<TopicsOutput, TopicsInput>;

/** Swirl's own topics apart from those that the topology adds. */
export function splitTopics(topics: TopicsOutput): {
  readonly topics: TopicsConfig;
  readonly ownTopics: Readonly<Record<string, WrittenOwnTopic>>;
} {
  const known: ReadonlySet<string> = new Set(TOPICS);
  const entries = Object.entries(topics) as [string, WrittenOwnTopic][];
  const part = (isOwn: boolean) => Object.fromEntries(entries.filter(([name]) => known.has(name) !== isOwn));
  return { topics: part(false) as unknown as TopicsConfig, ownTopics: part(true) };
}

/** The topics whose values are JSON. */
export function jsonTopics(topics: TopicsConfig): ReadonlySet<string> {
  return new Set(topics.questions.format === 'json' ? ['questions'] : []);
}
