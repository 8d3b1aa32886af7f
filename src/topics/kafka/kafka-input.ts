/** An input partition on Kafka: fetched on demand into a bounded buffer, committed exactly once. */
import { sleep, unlessAborted } from '../../clock.ts';
import { TransportError } from '../../errors.ts';
import type { InputPartition, LogEntry, Output } from '../transport.ts';
import { type Committer, NotOwner } from './committer.ts';
import { type Fetched, type FetchFrom, fetchEntries, listOffsets } from './fetch.ts';
import { isPassing, isUnknownTopic, transportError, typeOf } from './kafka-errors.ts';
import type { Link } from './link.ts';
import type { Placed } from './transactor.ts';

export interface KafkaInputOptions {
  /** For the committer's requests. */
  readonly link: Link;
  /** For fetches: a broker that waits for records answers nothing else on the same connection. */
  readonly fetchLink: Link;
  /** The topic's name on the cluster. */
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  readonly position: number;
  readonly fresh?: { readonly start: number };
  readonly committer: Committer;
  /** Where the outputs go; throws a `TransportError` where they cannot. */
  readonly place: (outputs: readonly Output[]) => Promise<Placed[]>;
  readonly fetchBytes: number;
  readonly fetchWaitMs: number;
  /** The subscription's signal: pulls return nothing once it aborts. */
  readonly signal: AbortSignal;
  /** Called when the partition was let go or lost; once. */
  readonly onGone: () => void;
}

/** Between two fetches that fail, in milliseconds. */
const AGAIN_MS = 100;

export class KafkaInput implements InputPartition {
  readonly topic: string;
  readonly partition: number;
  readonly fresh?: { readonly start: number };
  readonly #options: KafkaInputOptions;
  readonly #lost = new AbortController();
  readonly #leaving = new AbortController();
  /** Aborts when pulls return nothing any more. */
  readonly #ended: AbortSignal;
  #position: number;
  #buffer: LogEntry[] = [];
  /** Where the buffer's fetch ended. */
  #behindBuffer: number;
  #ahead: { readonly from: number; readonly fetched: Promise<Fetched> } | undefined;
  #pulling: Promise<unknown> = Promise.resolve();
  #awaySince: number | undefined;
  #gone = false;

  constructor(options: KafkaInputOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    if (options.fresh !== undefined) this.fresh = options.fresh;
    this.#options = options;
    this.#position = options.position;
    this.#behindBuffer = options.position;
    this.#ended = AbortSignal.any([options.signal, this.#lost.signal, options.link.options.closed]);
  }

  get position(): number {
    return this.#position;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Another worker is to have the partition: whoever works on it should come to an end. */
  leave(): void {
    this.#leaving.abort();
  }

  /** Another worker may have the partition by now. */
  lose(reason: TransportError): void {
    if (this.#gone) return;
    this.#lost.abort(reason);
    this.#go();
  }

  release(): void {
    if (this.#gone) return;
    this.#lost.abort(
      new TransportError(`${this.#what()} was handed over to another worker.`, { retryable: true }),
    );
    this.#go();
  }

  seek(offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new TransportError(`${this.#what()}: expected an offset from 0 on to seek to, found ${offset}.`);
    }
    this.#position = offset;
    this.#buffer = [];
    this.#behindBuffer = offset;
  }

  pull(max: number, waitMs: number): Promise<LogEntry[]> {
    const pulled = this.#pulling.then(() => this.#pull(max, waitMs));
    this.#pulling = pulled.catch(() => {});
    return pulled;
  }

  async end(): Promise<number> {
    const { link, name } = this.#options;
    const what = `looking for the end of ${this.#what()}`;
    const { now, outageMs } = link.options;
    for (const since = now(); ; ) {
      try {
        const ends = await link.patiently(what, () => listOffsets(link, name, [this.partition], 'end'));
        return ends.get(this.partition) ?? 0;
      } catch (error) {
        // Whoever still asks after a partition that went away has nothing left to do there.
        if (this.#gone) return this.#position;
        // A broker that has just started may not know all its topics; one that was deleted, the watch tells.
        if (!isUnknownTopic(error) || now() - since > outageMs) throw error;
        await sleep(AGAIN_MS, this.#ended).catch(() => {});
      }
    }
  }

  async commit(next: number, outputs: readonly Output[]): Promise<void> {
    const { committer, link, place } = this.#options;
    if (link.options.closed.aborted) throw link.options.closed.reason;
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
    if (!Number.isSafeInteger(next) || next < 0) {
      throw new TransportError(`${this.#what()}: expected progress from 0 on, found ${next}.`);
    }
    const records = await place(outputs);
    try {
      await committer.commit(next, records);
    } catch (error) {
      if (error instanceof NotOwner) this.lose(error);
      throw error;
    }
  }

  async #pull(max: number, waitMs: number): Promise<LogEntry[]> {
    const { now } = this.#options.link.options;
    for (const begun = now(); ; ) {
      if (this.#ended.aborted) return [];
      if (this.#buffer.length > 0) return this.#take(max);
      const left = Math.max(0, waitMs - (now() - begun));
      const fetched = await unlessAborted(this.#fetch(left), this.#ended).catch((error: unknown) => {
        if (!this.#ended.aborted) throw error;
      });
      if (fetched === undefined || this.#ended.aborted) return [];
      // The position may have been changed by a seek meanwhile: that fetch is void.
      if (fetched.from !== this.#position) continue;
      this.#buffer = fetched.entries;
      this.#behindBuffer = fetched.next;
      if (this.#buffer.length > 0) continue;
      const moved = fetched.next > this.#position;
      this.#position = fetched.next;
      // Behind transactions' marks there may be records that are here already.
      if (!moved && now() - begun >= waitMs) return [];
    }
  }

  #take(max: number): LogEntry[] {
    const entries = this.#buffer.slice(0, Math.max(0, max));
    this.#buffer = this.#buffer.slice(entries.length);
    this.#position = this.#buffer[0]?.offset ?? this.#behindBuffer;
    // The next ones are on their way while these are worked on.
    if (this.#buffer.length === 0 && entries.length > 0) this.#ahead = this.#begin(0);
    return entries;
  }

  /**
   * What comes after the position; nothing where it does not come in time: the broker then goes on waiting,
   * for whoever asks next. While the cluster is away there is nothing, after a pause.
   */
  async #fetch(waitMs: number): Promise<(Fetched & { readonly from: number }) | undefined> {
    const { fetchWaitMs } = this.#options;
    const from = this.#position;
    if (this.#ahead?.from !== from) this.#ahead = this.#begin(waitMs > 0 ? fetchWaitMs : 0);
    const { fetched } = this.#ahead;
    try {
      const answer = await (waitMs > 0 ? within(fetched, waitMs) : fetched);
      if (answer === undefined) return { entries: [], next: from, from };
      this.#ahead = undefined;
      this.#awaySince = undefined;
      return { ...answer, from };
    } catch (error) {
      this.#ahead = undefined;
      if (this.#ended.aborted) return undefined;
      await this.#failed(error, from);
      await sleep(Math.min(AGAIN_MS, waitMs), this.#ended).catch(() => {});
      return { entries: [], next: from, from };
    }
  }

  #begin(waitMs: number): { readonly from: number; readonly fetched: Promise<Fetched> } {
    const { fetchLink, name, topic, partition, fetchBytes } = this.#options;
    const from: FetchFrom = { name, topic, partition, offset: this.#position };
    const fetched = fetchEntries(fetchLink, from, { maxBytes: fetchBytes, waitMs });
    // Nobody may come to await it.
    fetched.catch(() => {});
    return { from: from.offset, fetched };
  }

  async #failed(error: unknown, from: number): Promise<void> {
    const { link, fetchLink, name } = this.#options;
    const { now, outageMs } = link.options;
    if (typeOf(error) === 'OFFSET_OUT_OF_RANGE') {
      const ends = async (which: 'start' | 'end') =>
        (await listOffsets(link, name, [this.partition], which)).get(this.partition);
      throw new TransportError(
        `${this.#what()}: expected a position from ${await ends('start')} to ${await ends('end')}, found ${from}. ` +
          'Either the records there were deleted (retention), or the checkpoint or the progress belongs to another log.',
        { cause: error },
      );
    }
    // A broker that has just started may not know all its topics.
    if (!isPassing(error) && !isUnknownTopic(error)) {
      throw transportError(`reading ${this.#what()}`, error);
    }
    this.#awaySince ??= now();
    if (now() - this.#awaySince > outageMs) throw transportError(`reading ${this.#what()}: given up`, error);
    fetchLink.reset();
  }

  #go(): void {
    this.#gone = true;
    this.#buffer = [];
    this.#options.onGone();
  }

  #what(): string {
    return `${this.#options.name}, partition ${this.partition}`;
  }
}

/** The promise's result, or undefined where it does not come within so many milliseconds. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
