/** A file of an index that is read piece by piece, and checked; the newest pieces are kept. */
import { closeSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { readChecked } from './block-sums.ts';
import { Newest } from './newest.ts';

export class FileCache {
  readonly #file: number;
  readonly #pieces: Newest<Buffer>;
  readonly #checked: { readonly path: string; readonly sums: Buffer };

  constructor(path: string, cacheBytes: number, sums: ReadonlyMap<string, Buffer>) {
    this.#checked = { path, sums: sums.get(basename(path)) ?? Buffer.alloc(0) };
    this.#file = openSync(path, 'r');
    this.#pieces = new Newest(cacheBytes);
  }

  /** The bytes of a piece, which is always asked for by the same beginning and end. */
  piece(from: number, to: number): Buffer {
    const kept = this.#pieces.get(from);
    if (kept !== undefined) return kept;
    // A copy: what stood around it is not kept.
    const bytes = Buffer.from(this.once(from, to));
    this.#pieces.keep(from, bytes, bytes.length);
    return bytes;
  }

  /** The bytes from one place to another, which are not kept. Throws `DataError` where they are damaged. */
  once(from: number, to: number): Buffer {
    return readChecked(this.#file, [from, to], this.#checked);
  }

  close(): void {
    closeSync(this.#file);
  }
}
