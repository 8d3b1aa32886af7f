/** Verdicts that another run has recorded, for a replay that has only some of its steps judged again. */
import { ConfigError, DataError } from '../errors.ts';
import type { ReadRecord } from '../topics/read-records.ts';
import type { Judged, SubTrajectory, VerdictLabel } from '../topics/records.generated.ts';
import type { ReadOptions } from '../topics/transport.ts';

/** Verdicts that are known by their place, about 100 bytes each. */
const MOST = 5_000_000;
/** Records that are read at once: steps come in the order in which they were judged. */
const AHEAD = 32;
/** A place as one number: an offset, and below it the partition. */
const PARTITIONS = 4096;

export interface RecordedVerdictsOptions {
  /** The recorded topic. */
  readonly read: (options?: ReadOptions) => AsyncIterable<ReadRecord<'judged'>>;
  /** The labels of verdicts that are not kept. */
  readonly again: readonly VerdictLabel[];
}

export class RecordedVerdicts {
  readonly #options: RecordedVerdictsOptions;
  readonly #places: ReadonlyMap<string, number>;
  /** What was read last of each partition, by offset. */
  readonly #ahead = new Map<number, ReadonlyMap<number, Judged>>();
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(options: RecordedVerdictsOptions, places: ReadonlyMap<string, number>) {
    this.#options = options;
    this.#places = places;
  }

  /** Finds the newest verdict of each step. Throws a `ConfigError` where there are too many. */
  static async open(options: RecordedVerdictsOptions): Promise<RecordedVerdicts> {
    const places = new Map<string, number>();
    for await (const { partition, offset, record } of options.read()) {
      if (record instanceof DataError) continue;
      if (options.again.includes(record.verdict.label)) places.delete(record.id);
      else places.set(record.id, offset * PARTITIONS + partition);
      if (places.size > MOST)
        throw new ConfigError(`expected at most ${MOST} recorded verdicts to keep, found more`);
    }
    return new RecordedVerdicts(options, places);
  }

  /** The recorded verdict, as it is; null where the step is to be judged: it has none to keep, or was another then. */
  async keptFor(step: SubTrajectory): Promise<Judged | null> {
    const place = this.#places.get(step.id);
    if (place === undefined) return null;
    // One after the other: what one reads ahead the next ones need.
    const reading = this.#reading.then(() => this.#at(place % PARTITIONS, Math.floor(place / PARTITIONS)));
    this.#reading = reading.catch(() => {});
    const judged = await reading;
    // Of a trajectory that was made anew the verdicts are on other steps of the same names.
    return JSON.stringify(judged?.subTrajectory) === JSON.stringify(step) ? (judged ?? null) : null;
  }

  async #at(partition: number, offset: number): Promise<Judged | undefined> {
    const ahead = this.#ahead.get(partition)?.get(offset);
    if (ahead !== undefined) return ahead;
    const found = new Map<number, Judged>();
    for await (const entry of this.#options.read({ partition, from: { offset }, limit: AHEAD })) {
      if (!(entry.record instanceof DataError)) found.set(entry.offset, entry.record);
    }
    this.#ahead.set(partition, found);
    return found.get(offset);
  }
}
