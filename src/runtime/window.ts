/**
 * The deliveries in flight on one partition, in order of offset. Deliveries finish in any order; only the
 * finished prefix may be committed.
 */
import type { Output } from '../topics/transport.ts';

interface Slot<T> {
  /** Null for outputs that belong to no delivery. */
  readonly offset: number | null;
  /** When it was finished, in milliseconds; null while it is in the stage's hands. */
  finishedAt: number | null;
  outputs: readonly T[];
}

/** What one commit takes. */
export interface Prefix<T = Output> {
  /** Progress: the offset after the last delivery; null when it holds no delivery. */
  readonly next: number | null;
  readonly outputs: T[];
  /** How many deliveries it finishes. */
  readonly records: number;
  readonly slots: number;
}

export class Window<T = Output> {
  readonly #slots: Slot<T>[] = [];
  readonly #open = new Map<number, Slot<T>>();

  constructor(readonly size: number) {}

  /** How many more deliveries may be pulled. */
  get credit(): number {
    return Math.max(0, this.size - this.#slots.length);
  }

  /** Deliveries that are pulled and not yet committed. */
  get inFlight(): number {
    return this.#slots.length;
  }

  /** Deliveries that the stage has not finished. */
  get unfinished(): number {
    return this.#open.size;
  }

  add(offset: number): void {
    const slot: Slot<T> = { offset, finishedAt: null, outputs: [] };
    this.#slots.push(slot);
    this.#open.set(offset, slot);
  }

  /** Throws when the offset is not in flight: a stage that finishes a delivery twice is broken. */
  finish(offset: number, outputs: readonly T[], now: number): void {
    const slot = this.#open.get(offset);
    if (!slot) throw new Error(`offset ${offset} was finished, but is not in flight`);
    this.#open.delete(offset);
    slot.finishedAt = now;
    slot.outputs = outputs;
  }

  /** Outputs of the stage itself; they follow everything that is in flight now. */
  append(outputs: readonly T[], now: number): void {
    this.#slots.push({ offset: null, finishedAt: now, outputs });
  }

  /** How many finished deliveries stand at the front, and when the first of them was finished. */
  ready(): { readonly slots: number; readonly since: number } {
    const open = this.#slots.findIndex((slot) => slot.finishedAt === null);
    return { slots: open < 0 ? this.#slots.length : open, since: this.#slots[0]?.finishedAt ?? 0 };
  }

  /** What is finished at the front, or at most so much of it. */
  prefix(most = Number.POSITIVE_INFINITY): Prefix<T> {
    const finished = this.#slots.slice(0, Math.min(most, this.ready().slots));
    const offsets = finished.flatMap((slot) => slot.offset ?? []);
    const last = offsets.at(-1);
    return {
      next: last === undefined ? null : last + 1,
      outputs: finished.flatMap((slot) => slot.outputs),
      records: offsets.length,
      slots: finished.length,
    };
  }

  /** Forgets a prefix that has been committed. */
  drop(prefix: Prefix<T>): void {
    this.#slots.splice(0, prefix.slots);
  }
}
