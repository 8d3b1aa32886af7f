/** Postings of an index, read in pieces of several blocks, with the score that the word gives each article. */
import type { FileCache } from './file-cache.ts';
import { Newest } from './newest.ts';
import { BLOCK, readPostings } from './postings.ts';
import { scoreOf } from './score.ts';

/** Blocks of a piece. */
export const PIECE_BLOCKS = 32;

/** The articles of a piece, in ascending order, and what the word gives each. */
export interface Scored {
  readonly articles: Int32Array;
  readonly scores: Int32Array;
}

export interface PiecePlace {
  /** Bytes in the file. */
  readonly from: number;
  readonly to: number;
  /** How many postings. */
  readonly number: number;
  /** The article before the first one; -1 for none. */
  readonly before: number;
  readonly idf: number;
}

export class ScoredPostings {
  readonly #damping: Float32Array;
  readonly #file: FileCache;
  readonly #pieces: Newest<Scored>;
  readonly #counts = new Int32Array(PIECE_BLOCKS * BLOCK);

  /** `damping`: `dampingOf`. */
  constructor(file: FileCache, damping: Float32Array, cacheBytes: number) {
    this.#damping = damping;
    this.#file = file;
    this.#pieces = new Newest(cacheBytes);
  }

  piece({ from, to, number, before, idf }: PiecePlace): Scored {
    const kept = this.#pieces.get(from);
    if (kept !== undefined) return kept;
    const [articles, scores] = [new Int32Array(number), new Int32Array(number)];
    const [counts, damping] = [this.#counts, this.#damping];
    readPostings(this.#file.once(from, to), 0, { number, before, into: { articles, counts }, start: 0 });
    for (let i = 0; i < number; i++) scores[i] = scoreOf(idf, counts[i], damping[articles[i]]);
    const piece = { articles, scores };
    this.#pieces.keep(from, piece, 8 * number + PIECE_OVERHEAD);
    return piece;
  }

  close(): void {
    this.#file.close();
  }
}

/** What a piece takes beside its numbers, roughly. */
const PIECE_OVERHEAD = 500;
