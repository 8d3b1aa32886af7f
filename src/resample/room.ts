/**
 * How far `resample` runs ahead of the training that it follows. What is drawn before it is trained on is drawn
 * from older weights: so it takes up no further context while enough fresh actions wait for the stages after it.
 */
import { TransportError } from '../errors.ts';
import type { StageRoom } from '../runtime/stage.ts';

export interface RoomConfig {
  /** Fresh actions that may wait. */
  readonly most: number;
  /** Those at a context. */
  readonly actions: number;
  /** How often it looks again where there is no room, in milliseconds. */
  readonly checkMs: number;
}

export interface RoomDeps {
  /** How many fresh actions wait, at most `most`. */
  readonly waiting: (most: number) => Promise<number>;
  /** Milliseconds. */
  readonly now: () => number;
  readonly notify: (message: string) => void;
}

export class Room implements StageRoom {
  readonly #config: RoomConfig;
  readonly #deps: RoomDeps;
  /** Contexts that may be taken up before the next look. */
  #left = 0;
  #looked = Number.NEGATIVE_INFINITY;
  #isTold = false;

  constructor(config: RoomConfig, deps: RoomDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  async left(): Promise<number> {
    const { most, actions, checkMs } = this.#config;
    const now = this.#deps.now();
    if (this.#left > 0 || now - this.#looked < checkMs) return this.#left;
    this.#looked = now;
    const waiting = await this.#waiting();
    if (waiting === null) return 0;
    this.#left = Math.max(0, Math.ceil((most - waiting) / actions));
    if (this.#left === 0) this.#tell();
    return this.#left;
  }

  take(count: number): void {
    this.#left = Math.max(0, this.#left - count);
  }

  /** Null where the topics cannot be asked now: the next look may go well. */
  async #waiting(): Promise<number | null> {
    try {
      return await this.#deps.waiting(this.#config.most);
    } catch (error) {
      if (error instanceof TransportError && error.retryable) return null;
      throw error;
    }
  }

  /** Once: training that nobody does would be waited for in silence. */
  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#deps.notify(
      `resample waits for the training: ${this.#config.most} fresh actions are to be trained on first (stages.resample.maxAhead)`,
    );
  }
}
