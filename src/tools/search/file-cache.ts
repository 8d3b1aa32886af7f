/** A file that is read piece by piece; the newest pieces are kept. */
import { closeSync, openSync } from 'node:fs';
import { readAt } from './append-file.ts';
import { Newest } from './newest.ts';

export class FileCache {
  readonly #file: number;
  readonly #pieces: Newest<Buffer>;

  constructor(path: string, cacheBytes: number) {
    this.#file = openSync(path, 'r');
    this.#pieces = new Newest(cacheBytes);
  }

  /** The bytes of a piece, which is always asked for by the same beginning and end. */
  piece(from: number, to: number): Buffer {
    const kept = this.#pieces.get(from);
    if (kept !== undefined) return kept;
    const bytes = this.once(from, to);
    this.#pieces.keep(from, bytes, bytes.length);
    return bytes;
  }

  /** The bytes from one place to another, which are not kept. */
  once(from: number, to: number): Buffer {
    return readAt(this.#file, Buffer.allocUnsafeSlow(to - from), from);
  }

  close(): void {
    closeSync(this.#file);
  }
}
