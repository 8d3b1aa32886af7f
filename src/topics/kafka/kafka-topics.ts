/** A run's topics on a cluster: made as declared, compared where they exist, listed. */
import { sleep } from '../../clock.ts';
import { ConfigError, TransportError } from '../../errors.ts';
import type { TopicInfo, TopicSpec } from '../transport.ts';
import { listOffsets } from './fetch.ts';
import { type KafkaConfig, settingsOf } from './kafka-config.ts';
import { isPassing } from './kafka-errors.ts';
import type { Link } from './link.ts';
import { topicName, topicOf } from './names.ts';
import { TOPIC_RESOURCE } from './wire.ts';

export interface KafkaTopicsOptions {
  readonly link: Link;
  readonly run: string;
  readonly config: KafkaConfig;
}

const MAX_PARTITIONS = 1024;
const HOUR_MS = 3_600_000;
/** A record's key, headers and frame, and its batch's: what Kafka counts besides the value. */
const FRAME_BYTES = 64 * 1024;
/** The setting that says whose clock a record's time is of. */
const STAMP = 'message.timestamp.type';
/** How long a cluster may take to make topics, in milliseconds. */
const CREATE_MS = 30_000;

/** A difference between a topic as it is and as it is declared. */
export interface TopicDifference {
  readonly topic: string;
  readonly setting: string;
  readonly declared: string;
  readonly found: string;
}

export class KafkaTopics {
  readonly #options: KafkaTopicsOptions;
  /** Numbers of partitions, by names on the cluster, as they were last seen. */
  readonly #known = new Map<string, number>();
  /** Those of this run as they are declared, by names on the cluster. */
  readonly #declaredPartitions = new Map<string, number>();

  constructor(options: KafkaTopicsOptions) {
    this.#options = options;
  }

  /** The topics of a run that are there, by their names in the run, with their numbers of partitions. */
  async list(run: string): Promise<Map<string, number>> {
    const { link } = this.#options;
    return link.patiently(`listing the topics of run "${run}"`, async () => {
      const cluster = await link.cluster();
      const [node] = cluster.getNodeIds();
      if (node === undefined) throw new TransportError('The cluster names no brokers.');
      const broker = await cluster.findBroker({ nodeId: node });
      // No names: all topics.
      const { topicMetadata } = await broker.metadata([]);
      const found = topicMetadata.flatMap(({ topic, partitionMetadata }) => {
        const own = topicOf(run, topic);
        return own === undefined ? [] : [[own, partitionMetadata.length] as const];
      });
      for (const [topic, partitions] of found) this.#known.set(topicName(run, topic), partitions);
      return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
    });
  }

  /** How many partitions a topic has; a `TransportError` where there is no such topic. */
  async partitions(run: string, topic: string): Promise<number> {
    const name = topicName(run, topic);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const topics = await this.list(run);
    const found = topics.get(topic);
    if (found !== undefined) return found;
    throw new TransportError(
      `Run "${run}" has no topic "${topic}" (${name}). ` +
        (topics.size > 0
          ? `Its topics are: ${[...topics.keys()].join(', ')}.`
          : 'It has no topics yet: feed it first.'),
    );
  }

  /**
   * Over how many partitions of this run's topic its keys are spread: what is declared, also where partitions
   * were added since. The records of a key must stay together: `filter` gathers them.
   */
  async writtenPartitions(topic: string): Promise<number> {
    const { run } = this.#options;
    return this.#declaredPartitions.get(topicName(run, topic)) ?? (await this.partitions(run, topic));
  }

  /** What is declared, where a topic is this run's and was declared. */
  declared(run: string, topic: string): number | undefined {
    return this.#declaredPartitions.get(topicName(run, topic));
  }

  /** Partitions were added. */
  found(name: string, partitions: number): void {
    this.#known.set(name, partitions);
  }

  /** `Transport.topics`. */
  async infos(run: string): Promise<TopicInfo[]> {
    const { link } = this.#options;
    const topics = await this.list(run);
    if (topics.size === 0 && run !== this.#options.run) {
      throw new TransportError(
        `There is no run "${run}" on the cluster: no topic begins with ${topicName(run, 'x').slice(0, -1)}`,
      );
    }
    return Promise.all(
      [...topics].map(async ([name, partitions]) => {
        const all = Array.from({ length: partitions }, (_, i) => i);
        const [starts, ends] = await Promise.all(
          (['start', 'end'] as const).map((which) =>
            link.patiently(`looking up offsets of ${name}`, () =>
              listOffsets(link, topicName(run, name), all, which),
            ),
          ),
        );
        const offsets = all.map((partition) => ({
          start: starts?.get(partition) ?? 0,
          end: ends?.get(partition) ?? 0,
        }));
        return { name, partitions, offsets };
      }),
    );
  }

  /**
   * Makes what is missing. A topic with fewer partitions than declared is a `ConfigError`; other differences
   * are returned.
   */
  async ensure(specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
    const { run } = this.#options;
    for (const { name, partitions } of specs) {
      topicName(run, name);
      if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
        throw new ConfigError(
          `Topic ${name}: expected 1 to ${MAX_PARTITIONS} partitions, found ${partitions}.`,
        );
      }
    }
    const before = await this.list(run);
    const missing = specs.filter(({ name }) => !before.has(name));
    if (missing.length > 0) await this.#create(missing);
    const now = missing.length > 0 ? await this.#visible(specs) : before;
    const more: TopicDifference[] = [];
    for (const { name, partitions } of specs) {
      const [topic, found] = [topicName(run, name), now.get(name) ?? 0];
      if (found < partitions) {
        throw new ConfigError(
          `Topic ${topic} has ${found} partitions, the configuration says ${partitions}. ` +
            'The number that a run writes to cannot be changed in it: put it back, or start a new run.',
        );
      }
      this.#declaredPartitions.set(topic, partitions);
      if (found > partitions)
        more.push({ topic, setting: 'partitions', declared: `${partitions}`, found: `${found}` });
    }
    return [...more, ...(await this.differences(specs.filter(({ name }) => before.has(name))))];
  }

  /** Makes topics whose records bring their own times, until `stampOnAppend`. */
  async makeForImport(specs: readonly TopicSpec[]): Promise<void> {
    if (specs.length === 0) return;
    await this.#create(specs, [STAMP, 'CreateTime']);
    await this.#visible(specs);
  }

  /** From now on a record's time is when it was appended. */
  async stampOnAppend(topics: readonly string[]): Promise<void> {
    const { link, run } = this.#options;
    await link.patiently(`setting up the topics of run "${run}"`, async () => {
      const controller = await (await link.cluster()).findControllerBroker();
      const resources = topics.map((topic) => ({
        type: TOPIC_RESOURCE,
        name: topicName(run, topic),
        configEntries: this.#declared(topic).map(([name, value]) => ({ name, value })),
      }));
      if (resources.length > 0) await controller.alterConfigs({ resources });
    });
  }

  /** Where existing topics differ from the topology. */
  async differences(specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
    const { link, run } = this.#options;
    if (specs.length === 0) return [];
    return link.patiently('comparing topics', async () => {
      const cluster = await link.cluster();
      const broker = await cluster.findControllerBroker();
      const { resources } = await broker.describeConfigs({
        resources: specs.map(({ name }) => ({
          type: TOPIC_RESOURCE,
          name: topicName(run, name),
          configNames: this.#declared(name).map(([setting]) => setting),
        })),
      });
      return specs.flatMap(({ name }) => {
        const entries = resources.find(
          ({ resourceName }) => resourceName === topicName(run, name),
        )?.configEntries;
        return this.#declared(name).flatMap(([setting, declared]) => {
          const found = entries?.find(({ configName }) => configName === setting)?.configValue ?? 'nothing';
          // Larger records than ours do no harm.
          const fits =
            setting === 'max.message.bytes' ? Number(found) >= Number(declared) : found === declared;
          return fits ? [] : [{ topic: topicName(run, name), setting, declared, found }];
        });
      });
    });
  }

  async #create(
    specs: readonly TopicSpec[],
    ...instead: readonly (readonly [string, string])[]
  ): Promise<void> {
    const { link, run, config } = this.#options;
    await link.patiently(`making the topics of run "${run}"`, async () => {
      const cluster = await link.cluster();
      const controller = await cluster.findControllerBroker();
      try {
        await controller.createTopics({
          topics: specs.map(({ name, partitions }) => ({
            topic: topicName(run, name),
            numPartitions: partitions,
            // -1: as the cluster does by default.
            replicationFactor: settingsOf(config, name).replication ?? -1,
            configEntries: [...new Map([...this.#declared(name), ...instead])].map(([setting, value]) => ({
              name: setting,
              value,
            })),
          })),
          timeout: CREATE_MS,
        });
      } catch (error) {
        const failures = ((error as { errors?: readonly unknown[] }).errors ?? [error]) as {
          readonly type?: string;
          readonly topic?: string;
          readonly message: string;
        }[];
        // Another worker may make them at the same time.
        const failure = failures.find(({ type }) => type !== 'TOPIC_ALREADY_EXISTS');
        if (failure === undefined) return;
        if (isPassing(failure)) throw failure;
        throw new ConfigError(`Topic ${failure.topic ?? ''} could not be made: ${failure.message}`, {
          cause: error,
        });
      }
    });
  }

  /** Waits until the brokers know the topics, and who leads them. */
  async #visible(specs: readonly TopicSpec[]): Promise<Map<string, number>> {
    const { link, run } = this.#options;
    for (const until = link.options.now() + CREATE_MS; ; ) {
      const topics = await this.list(run);
      if (specs.every(({ name }) => topics.has(name)) && (await this.#led(specs))) return topics;
      if (link.options.now() > until) {
        throw new TransportError(`The topics of run "${run}" were made, but the brokers do not show them.`);
      }
      await sleep(20);
    }
  }

  async #led(specs: readonly TopicSpec[]): Promise<boolean> {
    const { link, run } = this.#options;
    try {
      const names = specs.map(({ name }) => topicName(run, name));
      const cluster = await link.cluster(...names);
      await cluster.refreshMetadata();
      return names.every((name) =>
        cluster.findTopicPartitionMetadata(name).every(({ leader }) => leader >= 0),
      );
    } catch {
      return false;
    }
  }

  /** The settings that a topic is made with. */
  #declared(topic: string): [string, string][] {
    const { retentionHours, compact } = settingsOf(this.#options.config, topic);
    return [
      ['cleanup.policy', compact ? 'compact' : 'delete'],
      ['retention.ms', retentionHours === null ? '-1' : `${Math.round(retentionHours * HOUR_MS)}`],
      ['retention.bytes', '-1'],
      ['max.message.bytes', `${this.#options.config.maxRecordBytes + FRAME_BYTES}`],
      // A record's time is when it was appended, as on the embedded log.
      [STAMP, 'LogAppendTime'],
    ];
  }
}
