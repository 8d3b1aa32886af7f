/** The nearest vectors of a query: those that the filter leaves, compared in full. The same as without it. */
import { Best } from '../best.ts';
import type { Filter } from './filter.ts';
import { type Asked, nearest, scorer } from './nearest.ts';
import type { Vectors } from './vectors.ts';

/** After how many vectors read one by one others get a turn. */
const TURN = 64;
/** Where more than this share is left, all are read one after the other, which is faster than that many by themselves. */
const SHARE = 1 / 16;

/** As `nearest`. */
export async function filtered(
  { vectors, filter }: { readonly vectors: Vectors; readonly filter: Filter },
  query: Float32Array,
  asked: Asked,
): Promise<number[] | null> {
  const { count, goOn } = asked;
  const left = new Left(count);
  if (!(await compare(filter, query, { left, goOn }))) return null;
  const score = scorer(query);
  // What memory had no room for.
  for (let from = filter.size; from < vectors.size; from += vectors.rowsAtOnce) {
    if (!(await goOn())) return null;
    const rows = vectors.rows(from, Math.min(from + vectors.rowsAtOnce, vectors.size));
    const scores = score(rows);
    for (let row = 0; row < scores.length; row++) left.add(from + row, scores[row], scores[row]);
  }
  left.narrow();
  if (left.candidates.length > vectors.size * SHARE) return nearest(vectors, query, asked);
  left.candidates.sort((a, b) => b.most - a.most);
  const best = new Best(count, Number.NEGATIVE_INFINITY);
  for (const [i, { article, most }] of left.candidates.entries()) {
    if (most < best.least) break;
    if (i % TURN === TURN - 1 && !(await goOn())) return null;
    const [exact] = score(vectors.rows(article, article + 1));
    if (exact >= best.least) best.add({ article, score: exact });
  }
  return best.found.map(({ article }) => article);
}

/** False where the time is up. Others may ask the filter in between: it is asked anew after each turn of theirs. */
async function compare(
  filter: Filter,
  query: Float32Array,
  { left, goOn }: { readonly left: Left; readonly goOn: Asked['goOn'] },
): Promise<boolean> {
  const { scales, errors, lengths } = filter;
  for (let from = 0; from < filter.size; ) {
    if (!(await goOn())) return false;
    const { unit, ofError, ofLength } = filter.ask(query);
    const products = filter.productsFrom(from);
    for (let i = 0; i < products.length; i++) {
      const row = from + i;
      const about = scales[row] * unit * products[i];
      const give = errors[row] * ofError + lengths[row] * ofLength;
      // Where numbers are too large for 32 bits, nothing is known.
      if (!(about + give < left.least)) left.add(row, about - give, about + give);
    }
    from += products.length;
  }
  return true;
}

interface Candidate {
  readonly article: number;
  /** The most that its score can be. */
  readonly most: number;
}

/** Candidates so far: as many others are known to be better than those that are not among them as are wanted. */
class Left {
  candidates: Candidate[] = [];
  /** Of the best by what their scores are at least. */
  readonly #sure: Best;
  #narrowAt = 4096;

  constructor(count: number) {
    this.#sure = new Best(count, Number.NEGATIVE_INFINITY);
  }

  /** What a score must reach. */
  get least(): number {
    return this.#sure.least;
  }

  add(article: number, least: number, most: number): void {
    if (least > this.least) this.#sure.add({ article, score: least });
    this.candidates.push({ article, most: Number.isNaN(most) ? Number.POSITIVE_INFINITY : most });
    if (this.candidates.length < this.#narrowAt) return;
    this.narrow();
    this.#narrowAt = Math.max(4096, this.candidates.length * 2);
  }

  /** Leaves out those of which more is known since. */
  narrow(): void {
    this.candidates = this.candidates.filter(({ most }) => most >= this.least);
  }
}
