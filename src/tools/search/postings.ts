/**
 * The postings of a word: in which articles it is, in ascending order, and how often. In blocks of 128, each of
 * which has a byte that says how many bytes its numbers take, the distances of its articles from the article before
 * less one (the first from the last of the block before), and its counts, where not all are 1. Numbers of one width
 * take more room than varints, a third at most here, and are read several times as fast.
 */
import type { ByteWriter } from './bytes.ts';

export const BLOCK = 128;

/** Most articles of an index: their numbers are whole numbers of 32 bits. */
export const MAX_ARTICLES = 2 ** 30;

export interface Postings {
  articles: Int32Array;
  counts: Int32Array;
}

/** Writes postings `from` to `to`, after the article `before` (-1 for none). */
export function writePostings(
  writer: ByteWriter,
  { articles, counts }: Postings,
  { from, to, before }: { readonly from: number; readonly to: number; readonly before: number },
): void {
  let last = before;
  for (let start = from; start < to; start += BLOCK) {
    const end = Math.min(start + BLOCK, to);
    let [widest, most] = [0, 1];
    for (let i = start, previous = last; i < end; i++) {
      widest = Math.max(widest, articles[i] - previous - 1);
      most = Math.max(most, counts[i]);
      previous = articles[i];
    }
    const distance = bytesFor(widest);
    const count = most === 1 ? null : bytesFor(most);
    writer.integer(distance * 8 + (count ?? 0), 1);
    for (let i = start; i < end; i++) {
      writer.integer(articles[i] - last - 1, distance);
      last = articles[i];
    }
    for (let i = start; count !== null && i < end; i++) writer.integer(counts[i], count);
  }
}

function bytesFor(number: number): 1 | 2 | 4 {
  return number < 0x100 ? 1 : number < 0x10000 ? 2 : 4;
}

/** What is read, and where it is put. */
export interface ReadPostings {
  readonly number: number;
  /** The article before the first one; -1 for none. */
  readonly before: number;
  readonly into: Postings;
  readonly start: number;
}

/** Reads what `writePostings` wrote, at a place of the bytes. */
export function readPostings(
  bytes: Uint8Array,
  at: number,
  { number, before, into, start }: ReadPostings,
): void {
  const { articles, counts } = into;
  let last = before;
  let next = at;
  for (let from = start; from < start + number; from += BLOCK) {
    const end = Math.min(from + BLOCK, start + number);
    const width = bytes[next++];
    switch (width >>> 3) {
      case 1:
        for (let i = from; i < end; i++) articles[i] = last += bytes[next++] + 1;
        break;
      case 2:
        for (let i = from; i < end; i++, next += 2)
          articles[i] = last += (bytes[next] | (bytes[next + 1] << 8)) + 1;
        break;
      default:
        for (let i = from; i < end; i++, next += 4) articles[i] = last += fourBytes(bytes, next) + 1;
    }
    switch (width & 7) {
      case 0:
        counts.fill(1, from, end);
        break;
      case 1:
        for (let i = from; i < end; i++) counts[i] = bytes[next++];
        break;
      case 2:
        for (let i = from; i < end; i++, next += 2) counts[i] = bytes[next] | (bytes[next + 1] << 8);
        break;
      default:
        for (let i = from; i < end; i++, next += 4) counts[i] = fourBytes(bytes, next);
    }
  }
}

function fourBytes(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
