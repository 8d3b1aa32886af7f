/**
 * What one waits for: a kind of work that comes again and again, and how much of it, in any unit of its own.
 */
export interface Work {
  readonly kind: string;
  readonly amount: number;
}

/**
 * How long work took before. Amounts are kept apart by powers of two: a unit of little work takes longer than one of
 * much, as a step of decoding has a cost of its own.
 */
export class Paces {
  /** Milliseconds per unit. */
  readonly #paces = new Map<string, number>();

  /** Milliseconds that such work is expected to take, rather too few; 0 where nothing is known. */
  expected(work: Work): number {
    return (this.#paces.get(keyOf(work)) ?? 0) * work.amount;
  }

  /**
   * The first time of a kind has the compiling of its kernels in it, and says nothing. Then the pace falls at once and
   * rises slowly: who sleeps too long loses more than who polls.
   */
  learn(work: Work, milliseconds: number): void {
    const pace = milliseconds / Math.max(1, work.amount);
    const key = keyOf(work);
    const before = this.#paces.get(key);
    if (before === undefined) this.#paces.set(key, 0);
    else this.#paces.set(key, before === 0 ? pace : Math.min(pace, 1.2 * before));
  }
}

function keyOf({ kind, amount }: Work): string {
  return `${kind} ${Math.floor(Math.log2(Math.max(1, amount)))}`;
}
