/** What was made or read, of which the newest is kept, up to a number of bytes. */
export class Newest<T> {
  readonly #limit: number;
  #held = 0;
  readonly #kept = new Map<number, { readonly value: T; readonly bytes: number }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: number): T | undefined {
    const found = this.#kept.get(key);
    if (found === undefined) return undefined;
    // The newest stands last.
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found.value;
  }

  /** Keeps it, of which it is not said that it is there, and forgets the oldest beyond the limit. */
  keep(key: number, value: T, bytes: number): void {
    this.#kept.set(key, { value, bytes });
    this.#held += bytes;
    for (const [oldest, { bytes: less }] of this.#kept) {
      if (this.#held <= this.#limit || oldest === key) break;
      this.#kept.delete(oldest);
      this.#held -= less;
    }
  }
}
