/** A topic from its end backwards, a page at a time: what is looked at first is what came last. */
import type { LogEntry } from '../topics/transport.ts';
import type { WatchedRun } from './watched-run.ts';

/** Entries that are read together. */
const PAGE = 64;

interface Lane {
  readonly partition: number;
  readonly start: number;
  /** Everything from here on has been read. */
  before: number;
  /** Read and not handed out yet, oldest first. */
  readonly waiting: LogEntry[];
}

/** Per partition the offset before which a reader goes on. */
export type Cursor = readonly number[];

export class NewestFirst {
  readonly #run: WatchedRun;
  readonly #topic: string;
  readonly #lanes: Lane[];

  private constructor(run: WatchedRun, topic: string, lanes: Lane[]) {
    this.#run = run;
    this.#topic = topic;
    this.#lanes = lanes;
  }

  /** Begins at the end, or before a cursor of an earlier reader. */
  static async open(run: WatchedRun, topic: string, cursor: Cursor | null): Promise<NewestFirst> {
    const { offsets } = await run.topic(topic);
    const lanes = offsets.map(({ start, end }, partition) => {
      const before = Math.max(start, Math.min(end, cursor?.[partition] ?? end));
      return { partition, start, before, waiting: [] };
    });
    return new NewestFirst(run, topic, lanes);
  }

  /** The next entry, later ones of other partitions first; null at the beginning of the topic. */
  async next(): Promise<LogEntry | null> {
    for (const lane of this.#lanes) await this.#fill(lane);
    let newest: Lane | null = null;
    for (const lane of this.#lanes) {
      const time = lane.waiting.at(-1)?.time;
      if (time !== undefined && time > (newest?.waiting.at(-1)?.time ?? -1)) newest = lane;
    }
    return newest?.waiting.pop() ?? null;
  }

  /** Where another reader goes on; null at the beginning of the topic. */
  cursor(): Cursor | null {
    const places = this.#lanes.map(({ before, waiting }) => before + waiting.length);
    const isOver = this.#lanes.every(({ start, before, waiting }) => before <= start && waiting.length === 0);
    return isOver ? null : places;
  }

  async #fill(lane: Lane): Promise<void> {
    // On Kafka offsets may skip: a page may be empty where something is before it.
    while (lane.waiting.length === 0 && lane.before > lane.start) {
      const from = Math.max(lane.start, lane.before - PAGE);
      const { partition, before } = lane;
      const page = await this.#run.entries(this.#topic, { partition, offset: from, count: before - from });
      lane.waiting.push(...page.filter(({ offset }) => offset < before));
      lane.before = from;
    }
  }
}
