/** What is known of the deliveries in a window besides their outputs' bytes, until they are committed. */

import type { Output } from '../topics/transport.ts';
import type { CommittedRecord } from './observer.ts';
import { recordOf } from './output-encoder.ts';
import type { AnyEmission, Finished } from './stage.ts';

interface Held {
  value: unknown;
  readonly startedMs: number;
  finishedMs: number;
  outputs: readonly AnyEmission[];
  id: string | null;
}

export class InHand {
  readonly #stage: string;
  readonly #held = new Map<number, Held>();
  /** Outputs that belong to no delivery. */
  readonly #loose: CommittedRecord[] = [];

  constructor(stage: string) {
    this.#stage = stage;
  }

  take(offset: number, now: number): void {
    this.#held.set(offset, { value: undefined, startedMs: now, finishedMs: now, outputs: [], id: null });
  }

  decoded(offset: number, value: unknown): void {
    const held = this.#held.get(offset);
    if (held !== undefined) held.value = value;
  }

  /** `encoded`: what is appended, which is a failure where the schema does not allow the outputs. */
  finish(finished: Finished<AnyEmission>, encoded: readonly Output[], now: number): void {
    const { offset } = finished;
    const refused = encoded.some(isFailure) && !finished.outputs.some(isFailure);
    const outputs = refused ? encoded.map((output) => ({ ...output, value: {} })) : finished.outputs;
    if (offset === null) {
      const times = { startedMs: now, finishedMs: now };
      this.#loose.push({ stage: this.#stage, offset, value: undefined, outputs, ...times });
      return;
    }
    const held = this.#held.get(offset);
    if (held === undefined) return;
    Object.assign(held, { finishedMs: now, outputs, id: recordOf(finished) });
  }

  /** The id of a finished delivery: for failures of what the log refuses. */
  idOf(offset: number): string | null {
    return this.#held.get(offset)?.id ?? null;
  }

  /** Lets go of what was committed, all before the offset, in order. */
  *committed(next: number): Generator<CommittedRecord> {
    for (const [offset, { value, outputs, startedMs, finishedMs }] of this.#held) {
      if (offset >= next) break;
      this.#held.delete(offset);
      yield { stage: this.#stage, offset, value, outputs, startedMs, finishedMs };
    }
    yield* this.#loose.splice(0);
  }
}

function isFailure({ topic }: { readonly topic: string }): boolean {
  return topic === 'failures';
}
