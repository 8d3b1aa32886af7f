/** Pieces of a file that were read, of which the newest are kept, up to a number of bytes. */
import { closeSync, openSync } from 'node:fs';
import { readAt } from './append-file.ts';

export class FileCache {
  readonly #file: number;
  readonly #limit: number;
  #held = 0;
  readonly #pieces = new Map<number, Buffer>();

  constructor(path: string, limit: number) {
    this.#file = openSync(path, 'r');
    this.#limit = limit;
  }

  /** The bytes of a piece, which is always asked for by the same beginning and end. */
  piece(from: number, to: number): Buffer {
    const held = this.#pieces.get(from);
    if (held !== undefined) {
      // The newest stands last.
      this.#pieces.delete(from);
      this.#pieces.set(from, held);
      return held;
    }
    const bytes = this.once(from, to);
    this.#pieces.set(from, bytes);
    this.#held += bytes.length;
    for (const [oldest, { length }] of this.#pieces) {
      if (this.#held <= this.#limit || oldest === from) break;
      this.#pieces.delete(oldest);
      this.#held -= length;
    }
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
