/** Reads one run's log: this run's, or read-only another's. Each read is one brief snapshot. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TransportError } from '../../errors.ts';
import { rootOf } from '../record-names.ts';
import type { LogEntry, LookUpOptions, ReadFrom, ReadOptions, TopicInfo } from '../transport.ts';
import { hashOfRoot, type Looked, lookInPieces } from './key-hashes.ts';
import type { LogFile } from './log-file.ts';
import {
  listTopics,
  offsetAt,
  type Page,
  type PageOptions,
  partitionEnd,
  readPage,
  type StoredTopic,
} from './log-store.ts';

export interface ReadLimits {
  /** How often to look for what other processes have appended, in milliseconds. */
  readonly pollMs: number;
  /** About how many bytes one read takes at once. */
  readonly pageBytes: number;
}

/** Entries that are handed out between two looks at the log. */
const PAGE_ENTRIES = 1000;

/** A partition on its way through `entries`. */
interface Lane {
  readonly partition: number;
  next: number;
  /** Where to stop without `follow`. */
  readonly end: number;
}

export class LogReader {
  readonly run: string;
  readonly file: LogFile;
  readonly limits: ReadLimits;
  #topics = new Map<string, StoredTopic>();
  #closed = false;

  constructor(run: string, file: LogFile, limits: ReadLimits) {
    this.run = run;
    this.file = file;
    this.limits = limits;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.file.waiters.wakeAll();
    this.file.close();
  }

  /** A topic; throws a `TransportError` where there is none of this name. */
  topic(name: string): StoredTopic {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const topics = this.snapshot(() => listTopics(this.file.values));
    this.#topics = new Map(topics.map((topic) => [topic.name, topic]));
    const found = this.#topics.get(name);
    if (found !== undefined) return found;
    throw new TransportError(
      `Run "${this.run}" has no topic "${name}". ` +
        (topics.length > 0
          ? `Its topics are: ${[...this.#topics.keys()].join(', ')}.`
          : 'It has no topics yet.'),
    );
  }

  topics(): TopicInfo[] {
    return this.snapshot(() =>
      listTopics(this.file.values).map((topic) => ({
        name: topic.name,
        partitions: topic.partitions,
        offsets: Array.from({ length: topic.partitions }, (_, partition) => ({
          start: 0,
          end: partitionEnd(this.file.values, topic, partition).offset,
        })),
      })),
    );
  }

  end(topic: StoredTopic, partition: number): number {
    return this.snapshot(() => partitionEnd(this.file.values, topic, partition).offset);
  }

  page(topic: StoredTopic, partition: number, options: PageOptions): Page {
    return this.snapshot(() => readPage(this.file.values, topic, partition, options));
  }

  /** `Transport.read` for this run. */
  async *entries(name: string, options: Omit<ReadOptions, 'run'>): AsyncGenerator<LogEntry, void> {
    const { follow = false, limit = Number.POSITIVE_INFINITY, signal } = options;
    const topic = this.topic(name);
    const lanes = this.#lanes(topic, options);
    let left = limit;
    const ended = (): boolean => left < 1 || this.#closed || signal?.aborted === true;
    for (;;) {
      let found = false;
      for (const lane of lanes) {
        for (;;) {
          if (ended()) return;
          const until = follow ? undefined : lane.end;
          const page = this.page(topic, lane.partition, {
            from: lane.next,
            ...(until === undefined ? {} : { until }),
            maxEntries: Math.min(PAGE_ENTRIES, left),
            maxBytes: this.limits.pageBytes,
          });
          if (page.next === lane.next) break;
          found = true;
          for (const entry of page.entries) {
            if (ended()) return;
            left--;
            yield entry;
          }
          lane.next = page.next;
        }
      }
      if (!follow || ended()) return;
      if (!found) await this.#appended(signal);
    }
  }

  /** `Transport.lookUp` for this run. */
  async *found(
    name: string,
    { roots, ...options }: Omit<LookUpOptions, 'run'>,
  ): AsyncGenerator<LogEntry, void> {
    const topic = this.topic(name);
    const hashes = new Set([...roots].map(hashOfRoot));
    const { values } = this.file;
    for (const { partition, next: from, end: to } of this.#lanes(topic, options)) {
      const look = () => lookInPieces(values, { topic, partition }, { from, to, hashes });
      for (const range of inOrder(this.snapshot(look))) {
        for (let next = range.from; next < range.to; await nextTurn()) {
          if (this.#closed || options.signal?.aborted === true) return;
          const limits = { maxEntries: PAGE_ENTRIES, maxBytes: this.limits.pageBytes };
          const page = this.page(topic, partition, { from: next, until: range.to, ...limits });
          for (const entry of page.entries) if (roots.has(rootOf(entry.key))) yield entry;
          if (page.next === next) break;
          next = page.next;
        }
      }
    }
  }

  snapshot<T>(reads: () => T): T {
    if (this.#closed)
      throw new TransportError(`The log of run "${this.run}" was closed: open it again to read.`);
    return this.file.snapshot(reads);
  }

  async #appended(signal: AbortSignal | undefined): Promise<void> {
    const ticket = this.file.waiters.wait(this.limits.pollMs);
    signal?.addEventListener('abort', ticket.wake, { once: true });
    await ticket.done;
    signal?.removeEventListener('abort', ticket.wake);
  }

  #lanes(topic: StoredTopic, { partition, from = 'start' }: Omit<ReadOptions, 'run'>): Lane[] {
    if (partition !== undefined && !(partition >= 0 && partition < topic.partitions)) {
      throw new TransportError(
        `Topic ${topic.name} of run "${this.run}" has ${topic.partitions} partitions: there is no partition ${partition}.`,
      );
    }
    const partitions =
      partition === undefined ? Array.from({ length: topic.partitions }, (_, i) => i) : [partition];
    return this.snapshot(() => {
      const ends = partitions.map((p) => partitionEnd(this.file.values, topic, p).offset);
      this.#checkOffset(topic, from, Math.max(...ends));
      return partitions.map((p, i) => {
        const end = ends[i];
        return { partition: p, next: this.#start(topic, p, from, end), end };
      });
    });
  }

  #checkOffset(topic: StoredTopic, from: ReadFrom, end: number): void {
    if (typeof from !== 'object' || !('offset' in from)) return;
    if (Number.isSafeInteger(from.offset) && from.offset >= 0 && from.offset <= end) return;
    throw new TransportError(
      `Expected an offset of topic ${topic.name} of run "${this.run}" from 0 to ${end}, found ${from.offset}.`,
    );
  }

  #start(topic: StoredTopic, partition: number, from: ReadFrom, end: number): number {
    if (from === 'start') return 0;
    if (from === 'end') return end;
    return 'offset' in from
      ? Math.min(from.offset, end)
      : offsetAt(this.file.values, topic, partition, from.time);
  }
}

/** All that has to be read, in order: offsets that follow each other are read together. */
function inOrder({ offsets, unknown }: Looked): { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const range of [...offsets.map((at) => ({ from: at, to: at + 1 })), ...unknown].sort(
    (a, b) => a.from - b.from,
  )) {
    const last = ranges.at(-1);
    if (last?.to === range.from) last.to = range.to;
    else ranges.push({ ...range });
  }
  return ranges;
}
