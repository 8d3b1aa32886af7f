/**
 * The embedded transport: a durable log on LMDB in the run's folder, for several processes at once (a run, a
 * feed, a tap). Nothing to start, and nothing is ever deleted.
 */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { ConfigError, TransportError } from '../../errors.ts';
import { OutputRefused } from '../output-refused.ts';
import type {
  InputPartition,
  LogEntry,
  LookUpOptions,
  Output,
  ProgressOf,
  ReadOptions,
  SubscribeOptions,
  TopicInfo,
  TopicSpec,
  Transport,
} from '../transport.ts';
import { type Checksums, openChecksums } from './checksums.ts';
import type { EmbeddedConfig } from './embedded-config.ts';
import { EmbeddedInput } from './embedded-input.ts';
import { LogFile } from './log-file.ts';
import { MAX_RECORD_KEY_BYTES, type Place } from './log-format.ts';
import { claim, fencedError, owners, owns, release } from './log-owners.ts';
import { LogReader } from './log-reader.ts';
import { type Appender, listTopics, putProgress, putTopic, readProgress } from './log-store.ts';
import { type Write, WriteQueue } from './write-queue.ts';

export interface EmbeddedLogOptions {
  /** The folder of the runs; this run's log is in `FOLDER/RUN/log`. */
  readonly folder: string;
  readonly run: string;
  readonly config: EmbeddedConfig;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Hears what the user should know: that a log is of an earlier version, which kept no checksums. */
  readonly notify?: (message: string) => void;
  /** `read` changes nothing, makes nothing and also works on a read-only disk: for taps. Default `write`. */
  readonly access?: 'read' | 'write';
}

/** Names of runs, topics and groups: safe in paths, and as parts of Kafka's topic names. */
const NAME = /^(?!\.+$)[A-Za-z0-9._-]{1,100}$/;
const MAX_PARTITIONS = 1024;

/**
 * Opens the log of a run, made if missing. Throws a `TransportError` where the folder cannot be used: not
 * writable, damaged, of something else, of another run, or of a newer format.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<Transport> {
  return new EmbeddedLog(options, await openChecksums());
}

class EmbeddedLog implements Transport {
  readonly run: string;
  readonly #options: EmbeddedLogOptions;
  readonly #checksums: Checksums;
  readonly #own: LogReader;
  readonly #others = new Map<string, LogReader>();
  readonly #writes: WriteQueue;
  readonly #inputs = new Map<EmbeddedInput, { readonly place: Place; readonly epoch: number }>();
  #watch: NodeJS.Timeout | undefined;

  constructor(options: EmbeddedLogOptions, checksums: Checksums) {
    this.#checksums = checksums;
    const { config, now = Date.now, access = 'write' } = options;
    this.run = options.run;
    this.#options = options;
    this.#own = this.#open(options.run, access);
    this.#writes = new WriteQueue({ file: this.#own.file, maxLogBytes: config.maxLogBytes, now });
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    for (const { name, partitions } of specs) {
      checkName('topic', name);
      if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
        throw new ConfigError(
          `Topic ${name}: expected 1 to ${MAX_PARTITIONS} partitions, found ${partitions}.`,
        );
      }
    }
    const { file } = this.#own;
    const known = new Map(
      this.#own.snapshot(() => listTopics(file.values)).map((topic) => [topic.name, topic.partitions]),
    );
    const missing = specs.filter((spec) => !known.has(spec.name));
    if (missing.length > 0) {
      this.#transaction(() => {
        for (const topic of listTopics(file.values)) known.set(topic.name, topic.partitions);
        for (const { name, partitions } of missing) {
          if (!known.has(name)) known.set(name, putTopic(file.values, name, partitions).partitions);
        }
      });
    }
    for (const { name, partitions } of specs) {
      if (known.get(name) !== partitions) {
        throw new ConfigError(
          `Topic ${name} of run "${this.run}" has ${known.get(name)} partitions, the configuration says ${partitions}. ` +
            'The number cannot be changed in a run: put it back, or start a new run.',
        );
      }
    }
  }

  async topics(run?: string): Promise<TopicInfo[]> {
    return this.#reader(run).topics();
  }

  async append(outputs: readonly Output[]): Promise<void> {
    this.#checkWritable();
    await this.#writes.add(this.#writeOf(outputs));
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<InputPartition, void> {
    const { signal } = options;
    checkName('group', options.group);
    if (signal.aborted) return;
    this.#checkOpen();
    const inputs = this.#claim(options);
    // All stages of a run share its signal: any number of listeners is in order.
    setMaxListeners(0, signal);
    const ended = new Promise<void>((resolve) => {
      const end = (): void => {
        for (const input of inputs) input.wake();
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
    });
    for (const input of inputs) {
      if (signal.aborted) break;
      yield input;
    }
    await ended;
    this.#release(inputs);
  }

  async committed(group: string, topic: string, run?: string): Promise<number[]> {
    const source = this.#reader(run);
    const { partitions } = source.topic(topic);
    return this.#own.snapshot(() =>
      Array.from({ length: partitions }, (_, partition) =>
        readProgress(this.#own.file.values, { group, run: source.run, topic, partition }),
      ),
    );
  }

  async setProgress({ group, topic, run }: ProgressOf, offsets: ReadonlyMap<number, number>): Promise<void> {
    checkName('group', group);
    const source = this.#reader(run);
    source.topic(topic);
    const { values } = this.#own.file;
    this.#transaction(() => {
      for (const [partition, offset] of offsets) {
        const place = { group, run: source.run, topic, partition };
        const epoch = claim(values, place, false);
        putProgress(values, place, offset);
        release(values, place, epoch);
      }
    });
  }

  async workers(): Promise<string[]> {
    this.#checkOpen();
    const pids = this.#own.snapshot(() => owners(this.#own.file.values));
    return pids.map((pid) => `process ${pid}`);
  }

  async *read(topic: string, { run, ...options }: ReadOptions = {}): AsyncGenerator<LogEntry, void> {
    yield* this.#reader(run).entries(topic, options);
  }

  async *lookUp(topic: string, { run, ...options }: LookUpOptions): AsyncGenerator<LogEntry, void> {
    yield* this.#reader(run).found(topic, options);
  }

  async close(): Promise<void> {
    if (this.#own.closed) return;
    clearInterval(this.#watch);
    this.#writes.flush();
    this.#release([...this.#inputs.keys()]);
    for (const reader of [...this.#others.values(), this.#own]) reader.close();
  }

  #claim({ group, topic: name, run, signal }: SubscribeOptions): EmbeddedInput[] {
    const source = this.#reader(run);
    const topic = source.topic(name);
    const { values } = this.#own.file;
    const places = Array.from({ length: topic.partitions }, (_, partition) => ({
      group,
      run: source.run,
      topic: name,
      partition,
    }));
    const claims = this.#transaction(() =>
      places.map((place) => {
        const epoch = claim(values, place, this.#options.config.takeOver);
        return { place, epoch, position: readProgress(values, place) };
      }),
    );
    this.#findLost();
    this.#watch ??= setInterval(() => this.#findLost(), this.#options.config.pollMs).unref();
    return claims.map(({ place, epoch, position }) => {
      const input: EmbeddedInput = new EmbeddedInput({
        source,
        topic,
        partition: place.partition,
        position,
        signal,
        commit: (next, outputs) => this.#commit(input, place, epoch, next, outputs),
      });
      this.#inputs.set(input, { place, epoch });
      return input;
    });
  }

  async #commit(input: EmbeddedInput, place: Place, epoch: number, next: number, outputs: readonly Output[]) {
    this.#checkOpen();
    const source = this.#reader(place.run);
    const end = source.end(source.topic(place.topic), place.partition);
    if (!Number.isSafeInteger(next) || next < 0 || next > end) {
      throw new TransportError(
        `Expected progress in topic ${place.topic}, partition ${place.partition}, from 0 to ${end}, found ${next}.`,
      );
    }
    const { values } = this.#own.file;
    const write = this.#writeOf(outputs);
    await this.#writes.add({
      bytes: write.bytes,
      refuse: () => {
        if (owns(values, place, epoch)) return undefined;
        const error = fencedError(values, place);
        this.#lose(input, error);
        return error;
      },
      apply: (appender) => {
        write.apply(appender);
        putProgress(values, place, next);
      },
    });
  }

  /** The appending of outputs; throws where they cannot be appended, before anything is written. */
  #writeOf(outputs: readonly Output[]): Write {
    const { maxRecordBytes } = this.#options.config;
    let bytes = 0;
    const resolved = outputs.map((output) => {
      const topic = this.#own.topic(output.topic);
      const keyBytes = Buffer.byteLength(output.key);
      if (keyBytes > MAX_RECORD_KEY_BYTES) {
        throw new OutputRefused(
          `Topic ${output.topic}: expected a key of at most ${MAX_RECORD_KEY_BYTES} bytes, found ${keyBytes}.`,
        );
      }
      if (output.value.length > maxRecordBytes) {
        throw new OutputRefused(
          `Topic ${output.topic}, key ${JSON.stringify(output.key.slice(0, 100))}: expected a record of at most ` +
            `${maxRecordBytes} bytes (maxRecordBytes of the transport), found ${output.value.length}.`,
        );
      }
      bytes += keyBytes + output.value.length;
      return { topic, output };
    });
    return {
      bytes,
      apply: (appender: Appender) => {
        for (const { topic, output } of resolved) appender.append(topic, output);
      },
    };
  }

  /** Notices owners that came since, so that `lost` aborts even where nothing is pulled or committed. */
  #findLost(): void {
    if (this.#own.closed || this.#inputs.size === 0) return;
    const { values } = this.#own.file;
    const held = [...this.#inputs];
    try {
      const lost = this.#own.snapshot(() =>
        held
          .filter(([, { place, epoch }]) => !owns(values, place, epoch))
          .map(([input, { place }]) => ({ input, error: fencedError(values, place) })),
      );
      for (const { input, error } of lost) this.#lose(input, error);
    } catch (error) {
      // Called by a timer, where a throw would end the process: who cannot be asked counts as lost.
      for (const [input] of held) this.#lose(input, error);
    }
  }

  #lose(input: EmbeddedInput, error: unknown): void {
    this.#inputs.delete(input);
    input.lose(error);
  }

  /**
   * Lets other processes take the inputs over; commits of what is in hand still go through until one does.
   */
  #release(inputs: readonly EmbeddedInput[]): void {
    if (this.#own.closed) return;
    const held = inputs.flatMap((input) => this.#inputs.get(input) ?? []);
    if (held.length === 0) return;
    this.#transaction(() => {
      for (const { place, epoch } of held) release(this.#own.file.values, place, epoch);
    });
  }

  #transaction<T>(work: () => T): T {
    this.#checkWritable();
    return this.#own.file.transaction(work);
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#options.access === 'read') {
      throw new TransportError(
        `The log of run "${this.run}" was opened for reading only: nothing can be written.`,
      );
    }
  }

  #checkOpen(): void {
    if (this.#own.closed) throw new TransportError(`The log of run "${this.run}" was closed: open it again.`);
  }

  #reader(run = this.run): LogReader {
    this.#checkOpen();
    if (run === this.run) return this.#own;
    let reader = this.#others.get(run);
    if (reader === undefined) {
      reader = this.#open(run, 'read');
      this.#others.set(run, reader);
    }
    return reader;
  }

  #open(run: string, access: 'read' | 'write'): LogReader {
    checkName('run', run);
    const { folder, config, notify } = this.#options;
    const file = LogFile.open({
      checksums: this.#checksums,
      run,
      folder: join(folder, run, 'log'),
      access,
      mapBytes: config.maxLogBytes,
      durable: config.durable,
    });
    if (!file.values.isSealed) {
      notify?.(
        `The log of the run ${run} was made by an earlier version: its records carry no checksums, so that a changed ` +
          'byte in them is not seen. A replay into a new run gives those that it makes theirs.',
      );
    }
    return new LogReader(run, file, config);
  }
}

function checkName(what: string, name: string): void {
  if (!NAME.test(name)) {
    throw new ConfigError(
      `Expected a ${what} name of 1 to 100 letters, digits, dots, dashes and underscores, found ${JSON.stringify(name)}.`,
    );
  }
}
