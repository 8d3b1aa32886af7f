/** The last ids that were used, a bounded number of them, in the order of their use. */
export class RecentIds {
  readonly #bound: number;
  readonly #ids: Set<string>;

  /** `ids`: oldest first. */
  constructor(bound: number, ids: Iterable<string> = []) {
    this.#bound = bound;
    this.#ids = new Set();
    for (const id of ids) this.add(id);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Remembers an id and forgets the oldest one beyond the bound. */
  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#bound) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  /** Oldest first. */
  list(): string[] {
    return [...this.#ids];
  }
}
