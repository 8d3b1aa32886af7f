/**
 * The postings of a word: in which articles it is, in ascending order, and how often. In blocks of 128; each
 * posting is twice the distance from the article before, plus one where the word is there once, and else the
 * count after it, as varints. The first distance of a block is from the last article of the block before.
 */
import type { ByteWriter } from './varint.ts';

export const BLOCK = 128;

/** Writes postings `from` to `to`, after the article `before` (-1 for none). */
export function writePostings(
  writer: ByteWriter,
  { articles, counts }: Postings,
  { from, to, before }: { readonly from: number; readonly to: number; readonly before: number },
): void {
  let last = before;
  for (let i = from; i < to; i++) {
    const article = articles[i] ?? 0;
    const count = counts[i] ?? 0;
    const distance = article - last;
    last = article;
    if (count === 1) writer.varint(distance * 2 + 1);
    else {
      writer.varint(distance * 2);
      writer.varint(count);
    }
  }
}

export interface Postings {
  articles: Int32Array;
  counts: Int32Array;
}

/**
 * Reads `number` postings at `at` of the bytes, after the article `before`, into `into` from `start`. Returns
 * where they end.
 */
export function readPostings(
  bytes: Uint8Array,
  at: number,
  {
    number,
    before,
    into: { articles, counts },
    start,
  }: { readonly number: number; readonly before: number; readonly into: Postings; readonly start: number },
): number {
  let last = before;
  let next = at;
  const end = start + number;
  for (let i = start; i < end; i++) {
    let byte = bytes[next++] ?? 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[next++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    last += value >>> 1;
    articles[i] = last;
    if ((value & 1) === 1) counts[i] = 1;
    else {
      byte = bytes[next++] ?? 0;
      let count = byte & 0x7f;
      for (let shift = 7; byte >= 0x80; shift += 7) {
        byte = bytes[next++] ?? 0;
        count |= (byte & 0x7f) << shift;
      }
      counts[i] = count;
    }
  }
  return next;
}

/** Most articles of an index: twice a distance must fit into 31 bits. */
export const MAX_ARTICLES = 2 ** 30 - 1;
