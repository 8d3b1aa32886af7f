/** What became of trajectories: their verdicts, whether they were accepted, and their rewards, found by key. */
import type { Accepted, Judged, Scored } from '../topics/records.generated.ts';
import type { LogEntry } from '../topics/transport.ts';
import { KeyIndex, type KeyRange } from './key-index.ts';
import { TopicReader } from './topic-reader.ts';
import type { Place, WatchedRun } from './watched-run.ts';

/** Trajectories whose places are known at once, the newest. Each takes 30 bytes or less in each topic. */
const MOST_KEYS = 2_000_000;
/** Records of one trajectory that are read. */
const MOST_RECORDS = 256;
/** Ranges with no more than this between them are read together. */
const GAP = 64;

type Joined = { readonly judged: Judged; readonly accepted: Accepted; readonly scored: Scored };

/** A record and where it is. */
interface Placed<R> extends Place {
  readonly record: R;
  readonly time: number;
}

/** Records of a topic by the key of their trajectory. */
export class KeyedTopic<K extends keyof Joined | 'trajectories'> {
  readonly #run: WatchedRun;
  readonly #topic: K;
  readonly #index = new KeyIndex(MOST_KEYS);
  readonly #reader: TopicReader;

  constructor(run: WatchedRun, topic: K) {
    this.#run = run;
    this.#topic = topic;
    this.#reader = new TopicReader(run, topic, {
      most: Number.POSITIVE_INFINITY,
      take: ({ key, partition, offset }) => this.#index.add(key, partition, offset),
    });
  }

  /** Reads on for so many milliseconds. Returns whether all is known. */
  async advance(budgetMs: number): Promise<boolean> {
    await this.#reader.advance(budgetMs);
    return !this.#reader.isBehind;
  }

  get progress() {
    const { read, of } = this.#reader;
    return { read, of, left: this.#index.left };
  }

  place(key: string): KeyRange | null {
    return this.#index.find(key);
  }

  /** Their records, by key, in the order of the topic; a key that is not known has none. */
  async entries(keys: readonly string[]): Promise<ReadonlyMap<string, readonly LogEntry[]>> {
    const found = new Map<string, LogEntry[]>(keys.map((key) => [key, []]));
    for (const { partition, first, last } of merged(keys.flatMap((key) => this.#index.find(key) ?? []))) {
      const read = { partition, offset: first, count: last + 1 - first };
      for (const entry of await this.#run.entries(this.#topic, read)) found.get(entry.key)?.push(entry);
    }
    return found;
  }

  async records(keys: readonly string[]) {
    const placed = new Map<string, Placed<K extends keyof Joined ? Joined[K] : never>[]>();
    for (const [key, entries] of await this.entries(keys)) {
      const list = [];
      for (const entry of entries.slice(0, MOST_RECORDS)) {
        const record = await this.#run.record(this.#topic as string, entry);
        if (record !== null) list.push({ ...entry, record: record as never });
      }
      placed.set(key, list);
    }
    return placed;
  }
}

/** Ranges that are near each other as one. */
function merged(ranges: readonly KeyRange[]): KeyRange[] {
  const sorted = [...ranges].sort((a, b) => a.partition - b.partition || a.first - b.first);
  const all: KeyRange[] = [];
  for (const range of sorted) {
    // What is far apart under one key was written at two times: its beginning is read.
    const bounded = { ...range, last: Math.min(range.last, range.first + MOST_RECORDS) };
    const before = all.at(-1);
    if (
      before !== undefined &&
      before.partition === bounded.partition &&
      bounded.first - before.last <= GAP
    ) {
      all[all.length - 1] = { ...before, last: Math.max(before.last, bounded.last) };
    } else all.push(bounded);
  }
  return all;
}
