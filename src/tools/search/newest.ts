/** What was made or read, of which what was asked for last is kept, up to a number of bytes. */
export class Newest<T> {
  readonly #limit: number;
  #held = 0;
  readonly #kept = new Map<number, Kept<T>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: number): T | undefined {
    const found = this.#kept.get(key);
    if (found === undefined) return undefined;
    found.isAsked = true;
    return found.value;
  }

  /**
   * Keeps it, of which it is not said that it is there, and forgets beyond the limit what was kept or spared longest ago:
   * what was asked for since is spared once.
   */
  keep(key: number, value: T, bytes: number): void {
    this.#kept.set(key, { value, bytes, isAsked: false });
    this.#held += bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#held <= this.#limit) break;
      if (oldest === key) continue;
      this.#kept.delete(oldest);
      if (kept.isAsked) this.#kept.set(oldest, { ...kept, isAsked: false });
      else this.#held -= kept.bytes;
    }
  }
}

interface Kept<T> {
  readonly value: T;
  readonly bytes: number;
  isAsked: boolean;
}
