/** The Kafka transport: a run's topics on a cluster, with workers on any number of machines. */
import { setMaxListeners } from 'node:events';
import { TransportError } from '../../errors.ts';
import { OutputRefused } from '../output-refused.ts';
import { partitionOf } from '../partition-of.ts';
import type {
  InputPartition,
  LogEntry,
  Output,
  ProgressOf,
  ReadOptions,
  SubscribeOptions,
  TopicInfo,
  TopicRestorer,
  TopicSpec,
  Transport,
} from '../transport.ts';
import { Committer, storedOffsets } from './committer.ts';
import type { KafkaConfig } from './kafka-config.ts';
import { KafkaTopics, type TopicDifference } from './kafka-topics.ts';
import { Link, type LinkOptions } from './link.ts';
import { checked, groupName, topicName } from './names.ts';
import { OutageNotes } from './outage-notes.ts';
import { readEntries } from './reader.ts';
import { restoreTopics } from './restore-topics.ts';
import { removeRun, workersOf } from './run-groups.ts';
import { setProgress } from './set-progress.ts';
import { Subscription } from './subscription.ts';
import { TopicWatch } from './topic-watch.ts';
import { type Placed, unique } from './transactor.ts';
import type { ClusterOptions } from './wire.ts';

export interface KafkaTransportOptions {
  readonly run: string;
  readonly config: KafkaConfig;
  /** TLS and SASL, as kafkajs takes them. */
  readonly security?: Pick<ClusterOptions, 'ssl' | 'sasl'>;
  /** What the user should know while a run goes on: outages, topics that differ from the topology. */
  readonly notify?: (message: string, level?: 'info' | 'warn') => void;
  /** Milliseconds, from anywhere. */
  readonly now?: () => number;
}

/** The first answer must come within this time, in milliseconds: an address may be wrong. */
const FIRST_ANSWER_MS = 15_000;
/** The longest key, as on the embedded log. */
const MAX_KEY_BYTES = 1024;
/** How long subscriptions may take to leave their groups when the transport is closed, in milliseconds. */
const LEAVE_MS = 3_000;

/** Connects to the cluster. A `TransportError` where no broker answers, or it does not let us in. */
export async function openKafka(options: KafkaTransportOptions): Promise<Transport & KafkaExtras> {
  const transport = new KafkaTransport(options);
  await transport.connect();
  return transport;
}

/** What only Kafka has. */
export interface KafkaExtras {
  /** Where existing topics differ from how they are declared; makes and changes nothing. */
  differences(specs: readonly TopicSpec[]): Promise<TopicDifference[]>;
  /** Deletes this run's topics and its progress from the cluster. */
  remove(): Promise<void>;
  /** Makes this run's topics from what another log held, and closes the transport in the end. */
  restorer(options: {
    readonly specs: readonly TopicSpec[];
    readonly topics: readonly TopicInfo[];
  }): Promise<TopicRestorer>;
}

class KafkaTransport implements Transport, KafkaExtras {
  readonly run: string;
  readonly #config: KafkaConfig;
  readonly #linkOptions: LinkOptions;
  readonly #links = new Set<Link>();
  readonly #control: Link;
  readonly #topics: KafkaTopics;
  readonly #watch: TopicWatch;
  /** Aborts when the transport is about to close: nothing new is begun, and subscriptions end. */
  readonly #closing = new AbortController();
  readonly #closed = new AbortController();
  readonly #subscriptions = new Set<Promise<void>>();
  #appender: Promise<{ readonly committer: Committer; next: number }> | undefined;

  constructor({
    run,
    config,
    security = {},
    notify = () => {},
    now = () => performance.now(),
  }: KafkaTransportOptions) {
    this.run = checked('run', run);
    this.#config = config;
    const { brokers, clientId, connectMs, requestMs, outageMs, decompressedBytes } = config;
    setMaxListeners(0, this.#closing.signal, this.#closed.signal);
    this.#linkOptions = {
      cluster: { brokers, clientId, connectMs, requestMs, ...security },
      outageMs,
      decompressedBytes,
      closed: this.#closed.signal,
      now,
      notify,
      outage: new OutageNotes({ now, notify, outageMs }),
    };
    this.#control = this.#link();
    this.#topics = new KafkaTopics({ link: this.#control, run, config });
    this.#watch = new TopicWatch({
      link: this.#link(),
      everyMs: config.topicCheckMs,
      onMore: (name, { partitions }, before) => {
        this.#topics.found(name, partitions);
        notify(`Topic ${name} has ${partitions} partitions now, before it had ${before}: all are read.`);
      },
    });
  }

  async connect(): Promise<void> {
    const { brokers, outageMs } = this.#config;
    const link = new Link({
      ...this.#linkOptions,
      outageMs: Math.min(outageMs, FIRST_ANSWER_MS),
      notify: () => {},
    });
    try {
      await link.patiently(`connecting to Kafka at ${brokers.join(', ')}`, () => link.cluster());
    } finally {
      await link.close();
    }
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.#checkOpen();
    for (const { topic, setting, declared, found } of await this.#topics.ensure(specs)) {
      const left =
        setting === 'partitions'
          ? 'All are read; Swirl writes to the first ones, as before, so that a key stays where it is.'
          : 'It was left as it is.';
      this.#linkOptions.notify(
        `Topic ${topic} has ${setting} ${found}, the configuration says ${declared}. ${left}`,
      );
    }
  }

  async differences(specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
    this.#checkOpen();
    return this.#topics.differences(specs);
  }

  async topics(run = this.run): Promise<TopicInfo[]> {
    this.#checkOpen();
    return this.#topics.infos(run);
  }

  async append(outputs: readonly Output[]): Promise<void> {
    this.#checkOpen();
    const [first] = outputs;
    const records = await this.#place(outputs);
    if (first === undefined) return;
    this.#appender ??= this.#openAppender(first.topic);
    const appender = await this.#appender.catch((error: unknown) => {
      this.#appender = undefined;
      throw error;
    });
    await appender.committer.commit(appender.next++, records);
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<InputPartition, void> {
    const { group, topic, run: source = this.run } = options;
    checked('group', group);
    if (options.signal.aborted) return;
    this.#checkOpen();
    await this.#topics.partitions(source, topic);
    setMaxListeners(0, options.signal);
    const subscription = new Subscription({
      config: this.#config,
      group: groupName({ run: this.run, group, topic, source }),
      name: topicName(source, topic),
      topic,
      stage: group,
      declared: this.#topics.declared(source, topic),
      watch: this.#watch,
      place: (outputs) => this.#place(outputs),
      signal: AbortSignal.any([options.signal, this.#closing.signal]),
      makeLink: () => this.#link(),
    });
    const running = subscription.run();
    this.#subscriptions.add(running);
    void running.then(() => this.#subscriptions.delete(running));
    yield* subscription.inputs();
  }

  async committed(group: string, topic: string, run = this.run): Promise<number[]> {
    this.#checkOpen();
    const partitions = await this.#topics.partitions(run, topic);
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    const name = groupName({ run: this.run, group, topic, source: run });
    // What was just committed is waited for: its marks may still be on their way.
    const stored = await this.#control.patiently(`reading the progress of ${name}`, () =>
      storedOffsets(this.#control, name, topicName(run, topic), all),
    );
    return all.map((partition) => {
      const found = stored.find((one) => one.partition === partition);
      return Math.max(0, Number(found?.offset ?? 0));
    });
  }

  async setProgress(
    { group, topic, run = this.run }: ProgressOf,
    offsets: ReadonlyMap<number, number>,
  ): Promise<void> {
    this.#checkOpen();
    checked('group', group);
    const declared = this.#topics.declared(run, topic);
    const of = {
      group: groupName({ run: this.run, group, topic, source: run }),
      name: topicName(run, topic),
    };
    const { transactionMs } = this.#config;
    const link = this.#link();
    try {
      await setProgress({ ...of, link, declared, transactionMs }, offsets);
    } finally {
      void link.close();
    }
  }

  async workers(): Promise<string[]> {
    this.#checkOpen();
    return workersOf(this.#control, this.run);
  }

  async remove(): Promise<void> {
    this.#checkOpen();
    await removeRun(this.#control, this.run, [...(await this.#topics.list(this.run)).keys()]);
  }

  async restorer({ specs, topics }: Parameters<KafkaExtras['restorer']>[0]): Promise<TopicRestorer> {
    try {
      return await restoreTopics({
        ...{ link: this.#control, run: this.run, known: this.#topics, topics },
        transactionMs: this.#config.transactionMs,
        setProgress: async (progress) => {
          // So that progress is stored with how many partitions are declared.
          await this.ensureTopics(specs);
          for (const [of, offsets] of progress) await this.setProgress(of, offsets);
        },
        remove: () => this.remove(),
        close: () => this.close(),
      });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async *read(
    topic: string,
    { run = this.run, ...options }: ReadOptions = {},
  ): AsyncGenerator<LogEntry, void> {
    this.#checkOpen();
    const partitions = await this.#topics.partitions(run, topic);
    const { fetchBytes, fetchWaitMs, topicCheckMs } = this.#config;
    const link = this.#link();
    try {
      const name = topicName(run, topic);
      const reader = { link, name, topic, partitions, fetchBytes, fetchWaitMs, unknownMs: topicCheckMs };
      yield* readEntries(reader, options);
    } finally {
      void link.close();
    }
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#closing.abort();
    const left = Promise.all([...this.#subscriptions]);
    const patience = new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref());
    await Promise.race([left, patience]);
    if (!this.#closed.signal.aborted) this.#closed.abort(this.#closedError());
    await Promise.all([...this.#links].map((link) => link.close()));
  }

  /** Appends have a producer of their own, and a group whose progress counts them: see `committer.ts`. */
  async #openAppender(topic: string): Promise<{ readonly committer: Committer; next: number }> {
    const group = `swirl.${this.run}.append.${unique()}`;
    const committer = new Committer({
      link: this.#link(),
      transactionalId: group,
      place: { group, name: topicName(this.run, topic), partition: 0 },
      transactionMs: this.#config.transactionMs,
      what: `records fed into run "${this.run}"`,
    });
    await committer.take(this.#closed.signal);
    return { committer, next: 1 };
  }

  /** Where outputs go. A `TransportError` where one of them cannot be appended: before anything is. */
  async #place(outputs: readonly Output[]): Promise<Placed[]> {
    const { maxRecordBytes } = this.#config;
    const placed: Placed[] = [];
    for (const output of outputs) {
      const { topic, key, value } = output;
      const keyBytes = Buffer.byteLength(key);
      if (keyBytes > MAX_KEY_BYTES) {
        throw new OutputRefused(
          `Topic ${topic}: expected a key of at most ${MAX_KEY_BYTES} bytes, found ${keyBytes}.`,
        );
      }
      if (value.length > maxRecordBytes) {
        throw new OutputRefused(
          `Topic ${topic}, key ${JSON.stringify(key.slice(0, 100))}: expected a record of at most ${maxRecordBytes} bytes ` +
            `(maxRecordBytes of the transport), found ${value.length}.`,
        );
      }
      const partition = partitionOf(key, await this.#topics.writtenPartitions(topic));
      placed.push({ name: topicName(this.run, topic), partition, output });
    }
    return placed;
  }

  #link(): Link {
    const link: Link = new Link(this.#linkOptions, () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw this.#closedError();
  }

  #closedError(): TransportError {
    return new TransportError(`The topics of run "${this.run}" were closed: open them again.`);
  }
}
