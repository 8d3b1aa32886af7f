/**
 * Reads a topic piece by piece: the newest entries first, then those before them, and what is appended
 * meanwhile. Each entry is handed over once. It reads when it is asked to and for as long as it is told, so
 * that a topic of any size is opened at once, and known wholly a little later.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LogEntry } from '../topics/transport.ts';
import type { WatchedRun } from './watched-run.ts';

/** Entries that are read together. */
const CHUNK = 500;

interface Lane {
  /** What is from here to `high` has been read. */
  low: number;
  high: number;
}

export interface TopicReaderOptions {
  /** Of each partition at most this many of its newest entries at the time of the first reading. */
  readonly most: number;
}

export class TopicReader {
  readonly #run: WatchedRun;
  readonly #topic: string;
  readonly #most: number;
  readonly #take: (entry: LogEntry) => void | Promise<void>;
  #lanes: Lane[] | null = null;
  #turn: Promise<void> = Promise.resolve();
  /** How many entries were read, and how many there are. */
  read = 0;
  of = 0;

  constructor(
    run: WatchedRun,
    topic: string,
    options: TopicReaderOptions & { readonly take: (entry: LogEntry) => void | Promise<void> },
  ) {
    this.#run = run;
    this.#topic = topic;
    this.#most = options.most;
    this.#take = options.take;
  }

  /** Reads what is new, and then backwards, for about so many milliseconds; one at a time. */
  advance(budgetMs: number): Promise<void> {
    const turn = this.#turn.then(() => this.#advance(performance.now() + budgetMs));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Whether entries before those that were read are still to be read. */
  get isBehind(): boolean {
    return this.#lanes === null || this.read < this.of;
  }

  async #advance(until: number): Promise<void> {
    const { offsets } = await this.#run.topic(this.#topic);
    this.#lanes ??= offsets.map(({ end }) => ({ low: end, high: end }));
    const bounds = this.#lanes.map((lane, partition) => {
      const { start, end } = offsets[partition] ?? { start: 0, end: 0 };
      return { lane, partition, end, start: Math.max(start, Math.min(lane.low, end - this.#most)) };
    });
    // What came since comes first, however long it takes: it is little, or it is what is being waited for.
    for (const { lane, partition, end } of bounds) {
      while (lane.high < end) {
        await this.#chunk(partition, lane.high, Math.min(end, lane.high + CHUNK));
        lane.high = Math.min(end, lane.high + CHUNK);
        if (performance.now() > until) break;
      }
    }
    for (;;) {
      const behind = bounds.filter(({ lane, start }) => lane.low > start);
      if (behind.length === 0) break;
      for (const { lane, partition, start } of behind) {
        const from = Math.max(start, lane.low - CHUNK);
        await this.#chunk(partition, from, lane.low);
        lane.low = from;
      }
      // At least one piece each time, or a busy machine would never come to an end.
      if (performance.now() > until) break;
    }
    this.read = bounds.reduce((sum, { lane }) => sum + lane.high - lane.low, 0);
    this.of = bounds.reduce((sum, { lane, start, end }) => sum + Math.max(end, lane.high) - start, 0);
  }

  async #chunk(partition: number, from: number, to: number): Promise<void> {
    for (const entry of await this.#run.entries(this.#topic, { partition, offset: from, count: to - from })) {
      if (entry.offset < to) await this.#take(entry);
    }
    await nextTurn();
  }
}
