/**
 * A topic as an Observable. The topic is the queue: a reader takes entries from it into a bounded buffer, a
 * deliverer hands them to the subscriber in short slices of time, and whatever else runs in this process has
 * its turn in between.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Observable, type Subscriber } from 'rxjs';
import { DataError } from '../errors.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { decodeOrError } from '../topics/read-records.ts';
import type { RecordOf } from '../topics/record-of.ts';
import type { LogEntry, ReadFrom, Transport } from '../topics/transport.ts';
import type { Notify } from './notes.ts';

/** A record and its place in its topic. */
export interface Entry<K extends string> {
  readonly topic: K;
  readonly partition: number;
  /** Position in the partition, from 0; on Kafka there may be gaps. */
  readonly offset: number;
  /** When it was appended, in milliseconds since 1970. */
  readonly time: number;
  readonly key: string;
  readonly record: RecordOf<K>;
}

/** Records that a tap did not deliver. */
export interface Lost {
  readonly topic: string;
  /** How many, since it was last told. */
  readonly count: number;
  /**
   * `behind`: the subscriber was too slow for its buffer; `undecodable`: the bytes make no record of the
   * topic.
   */
  readonly why: 'behind' | 'undecodable';
  /** The same as a sentence. */
  readonly message: string;
}

export interface TapOptions {
  /** Where to begin: `start` (the default), `end`, an offset, or a time in milliseconds since 1970. */
  readonly from?: ReadFrom;
  /** Wait for new records at the end (the default), or complete there. */
  readonly follow?: boolean;
  /** Only this partition; all of them otherwise. */
  readonly partition?: number;
  /** Most records that wait for the subscriber, 1024 by default. */
  readonly buffer?: number;
  /** Most bytes of them, 64 MiB by default; a single larger record is delivered all the same. */
  readonly bufferBytes?: number;
  /** Hears how many records were not delivered. By default the run's `notify` does. */
  readonly onLost?: (lost: Lost) => void;
}

export interface TapDeps {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly notify: Notify;
}

/** How long the subscriber is given records without a pause for others, in milliseconds. */
const SLICE_MS = 8;
const BUFFER = 1024;
const BUFFER_BYTES = 64 * 1024 * 1024;

/**
 * The entries of a topic. What was there when it was subscribed to is delivered whole; of what comes after, a
 * subscriber that falls behind by more than the buffer loses the oldest and is told how many. Nothing is
 * consumed.
 */
export function tapEntries<K extends string>(
  topic: K,
  options: TapOptions,
  deps: TapDeps,
): Observable<Entry<K>> {
  return new Observable((subscriber) => {
    const tap = new Tap(topic, options, { ...deps, subscriber });
    void tap.run();
    return () => tap.close();
  });
}

interface Waiting {
  readonly entry: LogEntry;
  /** Appended after the tap began: may be lost. */
  readonly live: boolean;
}

class Tap<K extends string> {
  readonly #topic: K;
  readonly #options: TapOptions;
  readonly #deps: TapDeps & { readonly subscriber: Subscriber<Entry<K>> };
  readonly #over = new AbortController();
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #lost = 0;
  #undecodable = 0;
  #read = false;
  #wake: () => void = () => {};
  #changed: Promise<void> = Promise.resolve();

  constructor(topic: K, options: TapOptions, deps: TapDeps & { readonly subscriber: Subscriber<Entry<K>> }) {
    this.#topic = topic;
    this.#options = options;
    this.#deps = deps;
    this.#renew();
  }

  close(): void {
    this.#over.abort();
    this.#change();
  }

  /** Reads and delivers until the end of both; errors go to the subscriber. */
  async run(): Promise<void> {
    const { subscriber } = this.#deps;
    const reading = this.#readAll().catch((error: unknown) => {
      subscriber.error(error);
      this.close();
    });
    await this.#deliverAll();
    await reading;
    subscriber.complete();
  }

  async #readAll(): Promise<void> {
    const { transport, codec } = this.#deps;
    const { from = 'start', follow = true, partition } = this.#options;
    const { signal } = this.#over;
    const ends = from === 'end' ? [] : await this.#ends();
    const of = partition === undefined ? {} : { partition };
    let pause = performance.now() + SLICE_MS;
    for await (const entry of transport.read(this.#topic, { from, follow, signal, ...of })) {
      await codec.learn?.(this.#topic, [entry.value], signal);
      const live = follow && entry.offset >= (ends[entry.partition] ?? 0);
      await this.#makeRoom(entry, live);
      if (signal.aborted) return;
      this.#waiting.push({ entry, live });
      this.#bytes += entry.value.length;
      this.#change();
      if (performance.now() >= pause) {
        await nextTurn();
        pause = performance.now() + SLICE_MS;
      }
    }
    this.#read = true;
    this.#change();
  }

  async #ends(): Promise<number[]> {
    const topics = await this.#deps.transport.topics();
    return (topics.find(({ name }) => name === this.#topic)?.offsets ?? []).map(({ end }) => end);
  }

  /** Old records wait for the subscriber in the topic; live ones take the place of the oldest live ones. */
  async #makeRoom(entry: LogEntry, live: boolean): Promise<void> {
    while (this.#isFull(entry) && !this.#over.signal.aborted) {
      const oldest = live ? this.#waiting.findIndex((waiting) => waiting.live) : -1;
      const [dropped] = oldest < 0 ? [] : this.#waiting.splice(oldest, 1);
      if (dropped === undefined) await this.#changed;
      else {
        this.#bytes -= dropped.entry.value.length;
        this.#lost++;
      }
    }
  }

  #isFull({ value }: LogEntry): boolean {
    const { buffer = BUFFER, bufferBytes = BUFFER_BYTES } = this.#options;
    const count = this.#waiting.length;
    return count > 0 && (count >= buffer || this.#bytes + value.length > bufferBytes);
  }

  async #deliverAll(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      if (this.#waiting.length > 0) {
        this.#deliverSlice();
        await nextTurn();
      } else if (this.#read) {
        this.#tellLost();
        return;
      } else await this.#changed;
    }
  }

  #deliverSlice(): void {
    const until = performance.now() + SLICE_MS;
    this.#tellLost();
    do {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#bytes -= next.entry.value.length;
      this.#deliver(next.entry);
    } while (performance.now() < until && !this.#over.signal.aborted);
    this.#change();
  }

  #deliver({ partition, offset, time, key, value }: LogEntry): void {
    const topic = this.#topic;
    const record = decodeOrError(this.#deps.codec, topic, value);
    if (record instanceof DataError) {
      this.#undecodable++;
      return;
    }
    this.#deps.subscriber.next({ topic, partition, offset, time, key, record });
  }

  #tellLost(): void {
    const { onLost = ({ message }: Lost) => this.#deps.notify(message) } = this.#options;
    const topic = this.#topic;
    const [behind, undecodable] = [this.#lost, this.#undecodable];
    this.#lost = 0;
    this.#undecodable = 0;
    if (behind > 0) {
      const message = `a tap on ${topic} fell behind: ${behind} records were not delivered to it`;
      onLost({ topic, count: behind, why: 'behind', message });
    }
    if (undecodable > 0) {
      const message = `${undecodable} entries of ${topic} make no record and were not delivered to a tap`;
      onLost({ topic, count: undecodable, why: 'undecodable', message });
    }
  }

  #change(): void {
    const wake = this.#wake;
    this.#renew();
    wake();
  }

  #renew(): void {
    this.#changed = new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
