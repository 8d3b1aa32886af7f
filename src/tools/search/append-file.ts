/** A file that is written from its beginning, or from where it was left, in large pieces. */
import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { ByteWriter } from './bytes.ts';

const PIECE = 1 << 20;

/** All of it is written at once, so that a caller need not wait; a full disk throws as `writeSync` does. */
export class AppendFile {
  readonly writer = new ByteWriter(PIECE + (1 << 16));
  readonly #file: number;
  #written: number;

  /** What is beyond `length` is cut off. */
  constructor(path: string, length = 0) {
    this.#file = openSync(path, length === 0 ? 'w' : 'r+');
    if (length > 0) ftruncateSync(this.#file, length);
    this.#written = length;
  }

  get length(): number {
    return this.#written + this.writer.length;
  }

  /** Writes what is gathered, if it is much. */
  settle(): void {
    if (this.writer.length >= PIECE) this.flush();
  }

  flush(): void {
    const bytes = this.writer.take();
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(this.#file, bytes, at, bytes.length - at, this.#written + at);
    }
    this.#written += bytes.length;
  }

  /** Until the disk has it. */
  sync(): void {
    this.flush();
    fsyncSync(this.#file);
  }

  close(): void {
    this.sync();
    closeSync(this.#file);
  }
}

/** All bytes of a file from one place on, fewer only where it ends. */
export function readAt(file: number, into: Buffer, position: number): Buffer {
  let at = 0;
  while (at < into.length) {
    const read = readSync(file, into, at, into.length - at, position + at);
    if (read === 0) break;
    at += read;
  }
  return into.subarray(0, at);
}
