/** An input partition of the embedded log: pulls from one run's log, commits to its own run's. */
import { TransportError } from '../../errors.ts';
import type { InputPartition, LogEntry, Output } from '../transport.ts';
import type { LogReader } from './log-reader.ts';
import type { StoredTopic } from './log-store.ts';
import type { Ticket } from './waiters.ts';

export interface InputOptions {
  readonly source: LogReader;
  readonly topic: StoredTopic;
  readonly partition: number;
  readonly position: number;
  /** The subscription's signal: pulls return nothing once it aborts. */
  readonly signal: AbortSignal;
  /** Commits as this owner; rejects with a `TransportError` when it is none any more. */
  readonly commit: (next: number, outputs: readonly Output[]) => Promise<void>;
}

export class EmbeddedInput implements InputPartition {
  readonly topic: string;
  readonly partition: number;
  readonly #options: InputOptions;
  readonly #lost = new AbortController();
  #position: number;
  #ticket: Ticket | undefined;

  constructor(options: InputOptions) {
    this.topic = options.topic.name;
    this.partition = options.partition;
    this.#options = options;
    this.#position = options.position;
  }

  get position(): number {
    return this.#position;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Another owner has taken over, or that can no longer be known. */
  lose(reason: unknown): void {
    this.#lost.abort(reason);
    this.wake();
  }

  /** Ends the waiting of a pull that need not wait any more: it sees why by itself. */
  wake(): void {
    this.#ticket?.wake();
  }

  seek(offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new TransportError(`${this.#name()}: expected an offset from 0 on to seek to, found ${offset}.`);
    }
    this.#position = offset;
  }

  async pull(max: number, waitMs: number): Promise<LogEntry[]> {
    const { source, topic, signal } = this.#options;
    let expired = waitMs <= 0;
    const deadline = expired
      ? undefined
      : setTimeout(() => {
          expired = true;
          this.wake();
        }, waitMs);
    try {
      for (;;) {
        if (signal.aborted || this.#lost.signal.aborted || source.closed) return [];
        const { pollMs, pageBytes } = source.limits;
        const page = { from: this.#position, maxEntries: Math.max(0, max), maxBytes: pageBytes };
        const { entries, next } = source.page(topic, this.partition, page);
        this.#position = next;
        if (entries.length > 0 || max < 1) return entries;
        this.#checkPosition();
        if (expired) return [];
        this.#ticket = source.file.waiters.wait(pollMs);
        await this.#ticket.done;
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  async end(): Promise<number> {
    return this.#options.source.end(this.#options.topic, this.partition);
  }

  async commit(next: number, outputs: readonly Output[]): Promise<void> {
    await this.#options.commit(next, outputs);
  }

  /** A position after the end is that of another log: a checkpoint of a run whose log was deleted, say. */
  #checkPosition(): void {
    const end = this.#options.source.end(this.#options.topic, this.partition);
    if (this.#position > end) {
      throw new TransportError(
        `${this.#name()}: expected a position from 0 to ${end}, the end, found ${this.#position}. ` +
          'Does the checkpoint or the committed progress belong to another log?',
      );
    }
  }

  #name(): string {
    return `Topic ${this.topic} of run "${this.#options.source.run}", partition ${this.partition}`;
  }
}
