/** Says once that the cluster is away, and once that it is back, however many connections notice. */
export interface OutageNotesOptions {
  /** Milliseconds, from anywhere. */
  readonly now: () => number;
  readonly notify: (message: string, level?: 'info' | 'warn') => void;
  /** How long it may be away, in milliseconds. */
  readonly outageMs: number;
}

export class OutageNotes {
  readonly #options: OutageNotesOptions;
  /** Who waits for the cluster; the first of them was told of. */
  readonly #waiting = new Set<object>();
  #since = 0;

  constructor(options: OutageNotesOptions) {
    this.#options = options;
  }

  /** `waiter` has been trying for so many milliseconds. */
  away(waiter: object, { what, error, forMs }: { what: string; error: Error; forMs: number }): void {
    const { now, notify, outageMs } = this.#options;
    if (this.#waiting.size === 0) {
      this.#since = now() - forMs;
      const seconds = Math.round(outageMs / 1000);
      notify(
        `The cluster does not answer (${what}: ${error.message}). Trying again for up to ${seconds} s.`,
        'warn',
      );
    }
    this.#waiting.add(waiter);
  }

  /** `waiter` has been answered. */
  back(waiter: object): void {
    if (this.#over(waiter)) this.#options.notify(`The cluster answers again, after ${this.#seconds()} s.`);
  }

  /** `waiter` has given up, or does not need it any more. */
  leave(waiter: object): void {
    this.#over(waiter);
  }

  #over(waiter: object): boolean {
    return this.#waiting.delete(waiter) && this.#waiting.size === 0;
  }

  #seconds(): number {
    return Math.round((this.#options.now() - this.#since) / 1000);
  }
}
