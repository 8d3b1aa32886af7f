/** Goes through the articles that have a word, in ascending order, and jumps over blocks that need not be read. */
import type { Entry } from './dictionary.ts';
import type { FileCache } from './file-cache.ts';
import { BLOCK_FIELDS } from './index-files.ts';
import { BLOCK, readPostings } from './postings.ts';
import type { Weighing } from './score.ts';

/** Blocks that are read at once. */
const UNIT = 32;

/** After every article. */
export const END = 0x7fffffff;

export class WordCursor {
  /** The highest score that the word gives. */
  readonly best: number;
  readonly weights: Weighing;
  /** The postings of the block in hand. */
  readonly articles = new Int32Array(BLOCK);
  readonly counts = new Int32Array(BLOCK);
  /** How many there are, and at which it is. */
  number = 0;
  at = 0;
  readonly #entry: Entry;
  readonly #files: { readonly postings: FileCache; readonly blocks: FileCache };
  /** Last article, end of bytes and highest score of each block; null for a single one. */
  readonly #blocks: Uint32Array | null;
  readonly #blockCount: number;
  /** The block in hand, -1 at the beginning; and that which was last looked at. */
  #block = -1;
  #looked = 0;

  constructor(
    entry: Entry,
    weights: Weighing,
    files: { readonly postings: FileCache; readonly blocks: FileCache },
  ) {
    this.best = entry.best;
    this.weights = weights;
    this.#entry = entry;
    this.#files = files;
    this.#blockCount = Math.ceil(entry.size / BLOCK);
    const { from, to } = entry.blocks;
    const bytes = to > from ? files.blocks.piece(from, to) : null;
    this.#blocks = bytes === null ? null : new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#load(0);
  }

  /** The article that it is at; `END` after the last one. */
  get article(): number {
    return this.at < this.number ? (this.articles[this.at] ?? END) : END;
  }

  /** Goes to the first article that is not before this one. */
  seek(article: number): void {
    if (this.article >= article) return;
    if ((this.articles[this.number - 1] ?? 0) < article) {
      const block = this.#blockOf(article, this.#block + 1);
      if (block === this.#blockCount) {
        this.at = this.number;
        // So that the next call sees that there is nothing more.
        this.#block = this.#blockCount;
        return;
      }
      this.#load(block);
    }
    let [low, high] = [this.at, this.number];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.articles[middle] ?? END) < article) low = middle + 1;
      else high = middle;
    }
    this.at = low;
  }

  /** Goes to the next block. */
  nextBlock(): void {
    if (this.#block + 1 < this.#blockCount) this.#load(this.#block + 1);
    else this.at = this.number;
  }

  /** The highest score that it can give an article; articles must be asked for in ascending order. */
  bestOf(article: number): number {
    if (this.#blocks === null) return this.best;
    this.#looked = this.#blockOf(article, Math.max(this.#looked, this.#block, 0));
    return this.#looked === this.#blockCount ? 0 : this.#score(this.#looked);
  }

  /** The highest score that it can give any of the articles from one to before another. */
  bestWithin(from: number, to: number): number {
    if (this.#blocks === null) return this.article < to ? this.best : 0;
    let best = 0;
    let block = this.#blockOf(from, Math.max(this.#looked, this.#block, 0));
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
    return this.#blocks?.[block * BLOCK_FIELDS + 1] ?? this.#entry.postings.to - this.#entry.postings.from;
  }

  #score(block: number): number {
    return this.#blocks?.[block * BLOCK_FIELDS + 2] ?? this.best;
  }

  /** The first block, from one on, that ends with this article or after it: by leaps, then halves. */
  #blockOf(article: number, from: number): number {
    if (this.#blocks === null) return from === 0 ? 0 : this.#blockCount;
    let low = from;
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

  #load(block: number): void {
    const unit = block - (block % UNIT);
    const { from } = this.#entry.postings;
    const start = unit === 0 ? 0 : this.#end(unit - 1);
    const end = this.#end(Math.min(unit + UNIT, this.#blockCount) - 1);
    const bytes = this.#files.postings.piece(from + start, from + end);
    const place = block === 0 ? 0 : this.#end(block - 1);
    this.number = Math.min(BLOCK, this.#entry.size - block * BLOCK);
    readPostings(bytes, place - start, {
      number: this.number,
      before: block === 0 ? -1 : this.#last(block - 1),
      into: this,
      start: 0,
    });
    this.#block = block;
    this.at = 0;
  }
}
