/**
 * A segment: the postings of some articles in a row, gathered in memory and written sorted by word. The index is
 * merged from segments, so that building it takes the memory of one.
 */
import { closeSync, openSync } from 'node:fs';
import { AppendFile, readAt } from './append-file.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { type Postings, readPostings, writePostings } from './postings.ts';

/** Gathers the postings of articles that are given in ascending order. */
export class SegmentBuilder {
  readonly #numbers = new Map<string, number>();
  #words = new Int32Array(1 << 16);
  #postings: Postings = { articles: new Int32Array(1 << 16), counts: new Int32Array(1 << 16) };
  /** The newest posting of each word. */
  #newest = new Int32Array(1 << 16);
  #size = 0;

  /** Postings so far. */
  get size(): number {
    return this.#size;
  }

  /** Counts words of an article, each so often. */
  add(article: number, words: readonly string[], weight: number): void {
    while (this.#size + words.length > this.#words.length) this.#grow();
    const { articles, counts } = this.#postings;
    for (const word of words) {
      let number = this.#numbers.get(word);
      if (number === undefined) {
        number = this.#numbers.size;
        this.#numbers.set(word, number);
        if (number === this.#newest.length) this.#newest = grown(this.#newest);
        this.#newest[number] = -1;
      }
      const newest = this.#newest[number];
      if (newest >= 0 && articles[newest] === article) {
        counts[newest] += weight;
        continue;
      }
      this.#newest[number] = this.#size;
      this.#words[this.#size] = number;
      articles[this.#size] = article;
      counts[this.#size] = weight;
      this.#size++;
    }
  }

  /** Writes and forgets them. */
  write(path: string): void {
    const { starts, sorted } = this.#byWord();
    const file = new AppendFile(path);
    const entry = new ByteWriter();
    for (const [word, number] of [...this.#numbers].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const [from = 0, to = 0] = starts.subarray(number, number + 2);
      entry.text(word);
      entry.varint(to - from);
      writePostings(entry, sorted, { from, to, before: -1 });
      const bytes = entry.take();
      file.writer.varint(bytes.length);
      file.writer.raw(bytes);
      file.settle();
    }
    file.close();
    this.#numbers.clear();
    this.#size = 0;
  }

  /** The postings by the numbers of their words, and where each word's begin. */
  #byWord(): { readonly starts: Int32Array; readonly sorted: Postings } {
    const starts = new Int32Array(this.#numbers.size + 1);
    const words = this.#words.subarray(0, this.#size);
    for (let i = 0; i < words.length; i++) starts[words[i] + 1] += 1;
    for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
    const sorted = { articles: new Int32Array(this.#size), counts: new Int32Array(this.#size) };
    const next = starts.slice();
    const { articles, counts } = this.#postings;
    for (let i = 0; i < this.#size; i++) {
      const to = next[words[i]]++;
      sorted.articles[to] = articles[i];
      sorted.counts[to] = counts[i];
    }
    return { starts, sorted };
  }

  #grow(): void {
    this.#words = grown(this.#words);
    const { articles, counts } = this.#postings;
    this.#postings = { articles: grown(articles), counts: grown(counts) };
  }
}

/** The same numbers in an array of twice the length. */
export function grown(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const array = new Int32Array(numbers.length * 2);
  array.set(numbers);
  return array;
}

const PIECE = 1 << 16;

/** Reads a segment word by word. */
export class SegmentReader {
  /** The word that it is at; null at the end. */
  word: string | null = null;
  /** How many articles of the segment have it. */
  size = 0;
  readonly #file: number;
  #buffer = Buffer.alloc(0);
  #at = 0;
  #position = 0;
  #postings = new ByteReader(this.#buffer);

  constructor(path: string) {
    this.#file = openSync(path, 'r');
    this.next();
  }

  next(): void {
    this.#fill(8);
    const head = new ByteReader(this.#buffer.subarray(this.#at));
    if (head.bytes.length === 0) {
      this.word = null;
      return;
    }
    const length = head.varint();
    this.#at += head.at;
    this.#fill(length);
    this.#postings = new ByteReader(this.#buffer.subarray(this.#at, this.#at + length));
    this.#at += length;
    this.word = this.#postings.text();
    this.size = this.#postings.varint();
  }

  /** The postings of the word, put into `into` from `start` on. */
  read(into: Postings, start: number): void {
    const { bytes, at } = this.#postings;
    readPostings(bytes, at, { number: this.size, before: -1, into, start });
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Has so many bytes in hand, or as many as there are. */
  #fill(wanted: number): void {
    const left = this.#buffer.length - this.#at;
    if (left >= wanted) return;
    const buffer = Buffer.allocUnsafe(Math.max(PIECE, wanted));
    this.#buffer.copy(buffer, 0, this.#at);
    const read = readAt(this.#file, buffer.subarray(left), this.#position);
    this.#position += read.length;
    this.#buffer = buffer.subarray(0, left + read.length);
    this.#at = 0;
  }
}
