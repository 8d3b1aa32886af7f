/** A file of tensors, whatever its format. */
import type { FileHandle } from 'node:fs/promises';
import { DataError } from '../errors.ts';

export interface TensorInfo {
  /** As the file has it: `F32`, `BF16`, `Q4_K` ... */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte in the file, and the byte after the last. */
  readonly start: number;
  readonly end: number;
}

export interface TensorFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The formats that are read as numbers. */
  readonly dtypes: readonly string[];
  /**
   * The numbers of a tensor as f32, row-major. `visit` gets them slice by slice, in order, each a new array,
   * with the index of its first number.
   */
  readSlices(name: string, visit: (slice: Float32Array, at: number) => void): Promise<void>;
  /**
   * The same of a tensor whose format engines have packed too, in the words of engine/packed.ts. Left out where the
   * file's formats are none.
   */
  readPacked?(name: string, visit: (words: Uint32Array, at: number) => void): Promise<void>;
  /** A SHA-256 that two tensors of one format share if they are the same. */
  hash(name: string): Promise<string>;
  close(): Promise<void>;
}

/** Fills a buffer from a place in a file. Throws `DataError` where the file ends before. */
export async function readFully(
  path: string,
  handle: FileHandle,
  buffer: Buffer,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) {
      throw new DataError(
        `${path}: expected ${buffer.length} bytes at ${position}, found the file's end after ${done}`,
      );
    }
    done += bytesRead;
  }
}
