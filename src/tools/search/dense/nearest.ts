/**
 * The nearest vectors of a query, exactly: the product of all vectors with the query, piece by piece, in 64 bits, by
 * ml-matrix, which adds up in the order of the numbers. So scores are the same on every machine.
 */
import { Matrix, WrapperMatrix1D } from 'ml-matrix';
import { Best } from '../best.ts';
import type { Vectors } from './vectors.ts';

/** Numbers of the best, best first, of equal ones the first; null when `goOn` says that the time is up. */
export async function nearest(
  vectors: Vectors,
  query: Float32Array,
  { count, goOn }: { readonly count: number; readonly goOn: () => Promise<boolean> },
): Promise<number[] | null> {
  const column = Matrix.columnVector(query as unknown as number[]);
  const best = new Best(count, Number.NEGATIVE_INFINITY);
  const { size, rowsAtOnce, width } = vectors;
  for (let piece = 0, from = 0; from < size; piece++, from += rowsAtOnce) {
    if (!(await goOn())) return null;
    const numbers = vectors.piece(piece);
    const rows = numbers.length / width;
    // Wrapped, and not copied.
    const scores = new WrapperMatrix1D(numbers, { rows }).mmul(column);
    for (let row = 0; row < rows; row++) {
      const score = scores.get(row, 0);
      if (score > best.least) best.add({ article: from + row, score });
    }
  }
  return best.found.map(({ article }) => article);
}
