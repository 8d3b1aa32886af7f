/**
 * The nearest vectors of a query, exactly: the product of all vectors with the query, piece by piece, in 64 bits, by
 * ml-matrix, which adds up in the order of the numbers. So scores are the same on every machine.
 */
import { Matrix, WrapperMatrix1D } from 'ml-matrix';
import { Best } from '../best.ts';
import type { Vectors } from './vectors.ts';

export interface Asked {
  /** How many of the nearest are wanted. */
  readonly count: number;
  /** Gives way to others, and says whether there is time left. */
  readonly goOn: () => Promise<boolean>;
}

/** Numbers of the best, best first, of equal ones the first; null when `goOn` says that the time is up. */
export async function nearest(
  vectors: Vectors,
  query: Float32Array,
  { count, goOn }: Asked,
): Promise<number[] | null> {
  const score = scorer(query);
  const best = new Best(count, Number.NEGATIVE_INFINITY);
  const { size, rowsAtOnce } = vectors;
  for (let piece = 0, from = 0; from < size; piece++, from += rowsAtOnce) {
    if (!(await goOn())) return null;
    const scores = score(vectors.piece(piece));
    for (let row = 0; row < scores.length; row++) {
      if (scores[row] > best.least) best.add({ article: from + row, score: scores[row] });
    }
  }
  return best.found.map(({ article }) => article);
}

/** What gives the scores of vectors, one after the other in an array. */
export function scorer(query: Float32Array): (numbers: Float32Array) => readonly number[] {
  const column = Matrix.columnVector(query as unknown as number[]);
  // Wrapped, and not copied.
  return (numbers) =>
    new WrapperMatrix1D(numbers, { rows: numbers.length / query.length }).mmul(column).to1DArray();
}
