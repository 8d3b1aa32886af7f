/** Goes through the articles that have a word, in ascending order, and jumps over what need not be read. */
import type { Entry } from './dictionary.ts';
import type { FileCache } from './file-cache.ts';
import { BLOCK_FIELDS } from './index-files.ts';
import { BLOCK } from './postings.ts';
import { PIECE_BLOCKS, type ScoredPostings } from './scored-postings.ts';

/** After every article. */
export const END = 0x7fffffff;

const NONE: Int32Array = new Int32Array(0);

export class WordCursor {
  /** The highest score that the word gives. */
  readonly best: number;
  /** In how many articles the word is. */
  readonly size: number;
  /** The piece in hand: articles, and what the word gives each. */
  articles = NONE;
  scores = NONE;
  /** Where it is in the piece. */
  at = 0;
  readonly #idf: number;
  readonly #place: Entry['postings'];
  readonly #postings: ScoredPostings;
  /** Last article, end of bytes and highest score of each block; null for a single one. */
  readonly #blocks: Uint32Array | null;
  readonly #blockCount: number;
  #piece = -1;
  /** The block that was last looked at. */
  #looked = 0;

  constructor(
    entry: Entry,
    idf: number,
    { postings, blocks }: { readonly postings: ScoredPostings; readonly blocks: FileCache },
  ) {
    this.best = entry.best;
    this.size = entry.size;
    this.#idf = idf;
    this.#place = entry.postings;
    this.#postings = postings;
    this.#blockCount = Math.ceil(entry.size / BLOCK);
    const { from, to } = entry.blocks;
    const bytes = to > from ? blocks.piece(from, to) : null;
    this.#blocks = bytes === null ? null : new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#load(0);
  }

  /** The article that it is at; `END` after the last one. */
  get article(): number {
    return this.at < this.articles.length ? this.articles[this.at] : END;
  }

  /** Goes to the first article that is not before this one. */
  seek(article: number): void {
    let { articles, at: low } = this;
    if (low >= articles.length || articles[low] >= article) return;
    if (articles[articles.length - 1] < article) {
      const block = this.#blockOf(article, (this.#piece + 1) * PIECE_BLOCKS);
      if (block >= this.#blockCount) {
        this.at = articles.length;
        return;
      }
      this.#load(Math.floor(block / PIECE_BLOCKS));
      articles = this.articles;
      low = (block % PIECE_BLOCKS) * BLOCK;
    }
    // By leaps, then halves.
    let leap = 1;
    while (low + leap < articles.length && articles[low + leap] < article) {
      low += leap;
      leap *= 2;
    }
    let high = Math.min(low + leap, articles.length);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (articles[middle] < article) low = middle + 1;
      else high = middle;
    }
    this.at = low;
  }

  /** Goes there, and says what the word gives the article. */
  scoreAt(article: number): number {
    this.seek(article);
    return this.article === article ? this.scores[this.at] : 0;
  }

  /** Goes to the next piece, from the end of one. */
  nextPiece(): void {
    const next = this.#piece + 1;
    if (next * PIECE_BLOCKS < this.#blockCount) this.#load(next);
    else this.at = this.articles.length;
  }

  /** The highest score that it can give any of the articles from one to before another; later ones are asked for later. */
  bestWithin(from: number, to: number): number {
    if (this.#blocks === null) return this.best;
    let best = 0;
    let block = this.#blockOf(from, this.#looked);
    this.#looked = block;
    for (; block < this.#blockCount; block++) {
      best = Math.max(best, this.#score(block));
      if (this.#last(block) >= to - 1) break;
    }
    return best;
  }

  #last(block: number): number {
    return this.#blocks?.[block * BLOCK_FIELDS] ?? END;
  }

  #end(block: number): number {
    return this.#blocks?.[block * BLOCK_FIELDS + 1] ?? this.#place.to - this.#place.from;
  }

  #score(block: number): number {
    return this.#blocks?.[block * BLOCK_FIELDS + 2] ?? this.best;
  }

  /** The first block, from one on, that ends with this article or after it: by leaps, then halves. */
  #blockOf(article: number, from: number): number {
    let low = from;
    if (low >= this.#blockCount || this.#last(low) >= article) return Math.min(low, this.#blockCount);
    let leap = 1;
    while (low + leap < this.#blockCount && this.#last(low + leap) < article) {
      low += leap;
      leap *= 2;
    }
    let high = Math.min(low + leap, this.#blockCount);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#last(middle) < article) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #load(piece: number): void {
    this.at = 0;
    if (piece === this.#piece) return;
    const first = piece * PIECE_BLOCKS;
    const last = Math.min(first + PIECE_BLOCKS, this.#blockCount) - 1;
    const { articles, scores } = this.#postings.piece({
      from: this.#place.from + (first === 0 ? 0 : this.#end(first - 1)),
      to: this.#place.from + this.#end(last),
      number: Math.min((last + 1) * BLOCK, this.size) - first * BLOCK,
      before: first === 0 ? -1 : this.#last(first - 1),
      idf: this.#idf,
    });
    this.articles = articles;
    this.scores = scores;
    this.#piece = piece;
  }
}
