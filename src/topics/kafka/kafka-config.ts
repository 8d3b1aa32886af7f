/** Configuration of the Kafka transport. */
import { z } from 'zod';
import { maxRecordBytesConfig } from '../avro/codec.ts';
import { registryConfig } from '../registry/registry-config.ts';
import { kafkaSecurityConfig } from './security.ts';

const ms = (least: number, most: number, preset: number) => z.int().min(least).max(most).default(preset);

const address = z
  .string()
  .regex(/^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, 'expected HOST:PORT, such as 127.0.0.1:9092');

const topicSettings = z.strictObject({
  replication: z
    .int()
    .min(1)
    .max(32_767)
    .nullable()
    .default(null)
    .describe("How many brokers keep each partition; null: the cluster's default."),
  retentionHours: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('Records are deleted when they are this old; null: never, so that any topic can be replayed.'),
  compact: z
    .boolean()
    .default(false)
    .describe(
      "Keep the last record of each key only: not for topics that a stage reads, only for others' use.",
    ),
});

export type TopicSettings = z.output<typeof topicSettings>;

export const kafkaConfig = z
  .strictObject({
    brokers: z
      .array(address)
      .min(1)
      .describe('Where to find the cluster: HOST:PORT of one broker or more. `npm run kafka` starts one.'),
    clientId: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/)
      .default('swirl')
      .describe("What the brokers' logs and quotas call this program."),
    worker: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/)
      .nullable()
      .default(null)
      .describe(
        "This worker's name, for static membership: restarted under the same name within sessionMs it has its partitions " +
          'back at once, and of two with one name the later wins. null: no name.',
      ),
    security: kafkaSecurityConfig.prefault({}).describe('TLS, and who this client is.'),
    registry: registryConfig
      .nullable()
      .default(null)
      .describe('A schema registry; null: none, and the ids of schemas are those of `schemas/`.'),
    maxRecordBytes: maxRecordBytesConfig,
    topics: topicSettings
      .extend({
        only: z
          .record(z.string(), topicSettings.partial())
          .default({})
          .describe('Settings of single topics, by their names, in place of those above.'),
      })
      .prefault({})
      .describe('How topics are made. What exists is compared and a difference reported, never changed.'),
    fetchBytes: z
      .int()
      .min(1024)
      .max(2 ** 30)
      .default(2 ** 20)
      .describe(
        'About how many bytes of one partition are fetched at once, and held in memory at most twice.',
      ),
    decompressedBytes: z
      .int()
      .min(1024)
      .max(2 ** 30)
      .default(2 ** 26)
      .describe(
        'The most bytes that a batch which another producer, or the broker, has compressed may become in memory.',
      ),
    fetchWaitMs: ms(1, 60_000, 500).describe(
      'How long a broker may wait for records before it answers a fetch: a worker with nothing to do asks so often for ' +
        'each partition that it has.',
    ),
    topicCheckMs: ms(50, 3_600_000, 10_000).describe(
      'How often a worker looks whether the topics that it reads have got partitions, or were deleted or made again.',
    ),
    sessionMs: ms(500, 1_800_000, 45_000).describe(
      'A worker that was not heard of for this long loses its partitions; brokers allow 6 s to 30 min by default.',
    ),
    heartbeatMs: ms(50, 60_000, 3_000).describe('Heartbeat interval; at most a third of sessionMs.'),
    rebalanceMs: ms(500, 1_800_000, 60_000).describe(
      'How long a rebalance waits for the workers that it has heard of.',
    ),
    handOverMs: ms(1, 1_800_000, 20_000).describe(
      'How long a worker may finish what is in flight of a partition that goes to another; then it is dropped, ' +
        'and the other does it again.',
    ),
    transactionMs: ms(1_000, 900_000, 60_000).describe(
      'A transaction that is open for longer is aborted by the cluster; brokers allow 15 min by default.',
    ),
    requestMs: ms(1_000, 600_000, 30_000).describe('How long to wait for the answer to one request.'),
    connectMs: ms(100, 60_000, 5_000).describe('How long to wait for a connection to one broker.'),
    outageMs: ms(1_000, 86_400_000, 600_000).describe(
      'How long brokers may be unreachable before the run stops with an error. Nothing is lost either way.',
    ),
  })
  .refine(({ heartbeatMs, sessionMs }) => heartbeatMs * 3 <= sessionMs, {
    error: 'expected at most a third of sessionMs, or one late heartbeat costs the partitions',
    path: ['heartbeatMs'],
  })
  .describe('A Kafka cluster, for several machines and producers in any language.');

export type KafkaConfig = z.output<typeof kafkaConfig>;

/** The settings of one topic. */
export function settingsOf(config: KafkaConfig, topic: string): TopicSettings {
  const { only, ...all } = config.topics;
  const own = Object.hasOwn(only, topic) ? only[topic] : undefined;
  return {
    ...all,
    ...Object.fromEntries(Object.entries(own ?? {}).filter(([, value]) => value !== undefined)),
  };
}
