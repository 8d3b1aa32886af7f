/**
 * Checksums (CRC-32C) of an index's files, block by block. A byte that changed on the disk would be read as truth:
 * another article, or none.
 */
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { crc32c } from '../../crc32c.ts';
import { DataError } from '../../errors.ts';
import { readAt } from './append-file.ts';

/** The name of a file of checksums. */
export const SUMS = 'sums.bin';

/** Bytes of a block: what is read and looked at for the first of them. */
const SUM_BLOCK = 4096;
const BLOCKS_AT_ONCE = 256;

/** The name and length in bytes of each file, in the order of their checksums. */
type Files = Readonly<Record<string, number>>;

/** Writes the checksums of files that are there, whole, into a file beside them. */
export async function writeSums(path: string, files: Files, signal: AbortSignal): Promise<void> {
  const sums: number[] = [];
  for (const name of Object.keys(files)) {
    const file = openSync(join(dirname(path), name), 'r');
    try {
      const piece = Buffer.allocUnsafeSlow(SUM_BLOCK * BLOCKS_AT_ONCE);
      for (let at = 0; ; at += piece.length) {
        const bytes = readAt(file, piece, at);
        for (let from = 0; from < bytes.length; from += SUM_BLOCK)
          sums.push(crc32c(bytes.subarray(from, from + SUM_BLOCK)));
        if (bytes.length < piece.length) break;
        await nextTurn();
        signal.throwIfAborted();
      }
    } finally {
      closeSync(file);
    }
  }
  const bytes = Buffer.alloc(sums.length * 4);
  for (const [i, sum] of sums.entries()) bytes.writeUInt32LE(sum, i * 4);
  writeFileSync(path, bytes, { flush: true });
}

/** The checksums of each file, in little-endian u32. Throws `DataError` where there are not as many as should be. */
export function readSums(path: string, files: Files): ReadonlyMap<string, Buffer> {
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const expected = Object.values(files).reduce((sum, length) => sum + Math.ceil(length / SUM_BLOCK) * 4, 0);
  if (bytes.length !== expected) throw damaged(path, `expected ${expected} bytes, found ${bytes.length}`);
  let at = 0;
  return new Map(
    Object.entries(files).map(([name, length]) => {
      const from = at;
      at += Math.ceil(length / SUM_BLOCK) * 4;
      return [name, bytes.subarray(from, at)];
    }),
  );
}

/** The bytes from one place of a file to another. Throws `DataError` where a block of them is not what was written. */
export function readChecked(
  file: number,
  [from, to]: readonly [number, number],
  { path, sums }: { readonly path: string; readonly sums: Buffer },
): Buffer {
  const first = Math.floor(from / SUM_BLOCK);
  const last = Math.ceil(to / SUM_BLOCK);
  const isRange = from >= 0 && from <= to && last * 4 <= sums.length;
  if (!isRange) throw damaged(path, `expected bytes ${from} to ${to}, found the file's end before`);
  const start = first * SUM_BLOCK;
  const bytes = readAt(file, Buffer.allocUnsafeSlow((last - first) * SUM_BLOCK), start);
  for (let block = first; block < last; block++) {
    const at = block * SUM_BLOCK - start;
    if (crc32c(bytes.subarray(at, at + SUM_BLOCK)) === sums.readUInt32LE(block * 4)) continue;
    throw damaged(path, `the bytes from ${block * SUM_BLOCK} on are not those that were written`);
  }
  return bytes.subarray(from - start, to - start);
}

/** Reads all files of a folder. Throws `DataError` for the first that is not what was written. */
export async function checkFiles(folder: string, files: Files, signal: AbortSignal): Promise<void> {
  const sums = readSums(join(folder, SUMS), files);
  for (const [name, length] of Object.entries(files)) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false })?.size ?? null;
    if (found !== length) throw damaged(path, `expected ${length} bytes, found ${found ?? 'no such file'}`);
    const file = openSync(path, 'r');
    try {
      const piece = SUM_BLOCK * BLOCKS_AT_ONCE;
      for (let from = 0; from < length; from += piece) {
        readChecked(file, [from, Math.min(from + piece, length)], { path, sums: sums.get(name) as Buffer });
        await nextTurn();
        signal.throwIfAborted();
      }
    } finally {
      closeSync(file);
    }
  }
}

/** What is said of a damaged index, and what to do about it. */
export function damaged(path: string, what: string): DataError {
  return new DataError(
    `${path}: ${what}; remove ${dirname(path)} or run \`swirl index --again\`, and the index is built again`,
  );
}
