/** The vectors of a corpus, read from disk in pieces, checked. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { damaged, readSums } from '../block-sums.ts';
import { FileCache } from '../file-cache.ts';
import { VECTOR_FILES, type VectorManifest } from './vector-files.ts';

/** Numbers of a piece, about. */
const PIECE_NUMBERS = 1 << 18;

/**
 * Memory: the first pieces, up to `cacheBytes`; others are read whenever they are wanted. Throws `DataError` where a
 * file is not as long as the manifest says, and, when it is read, where a byte is another than was written.
 */
export class Vectors {
  readonly size: number;
  readonly width: number;
  /** Rows of a piece. */
  readonly rowsAtOnce: number;
  readonly #file: FileCache;
  readonly #pieces: Float32Array[] = [];
  readonly #most: number;

  constructor(folder: string, manifest: VectorManifest, cacheBytes: number) {
    const { articles, width, files } = manifest;
    const path = join(folder, VECTOR_FILES.vectors);
    const found = statSync(path, { throwIfNoEntry: false })?.size ?? null;
    const bytes = articles * width * 4;
    if (found !== bytes || files[VECTOR_FILES.vectors] !== bytes)
      throw damaged(path, `expected ${bytes} bytes, found ${found ?? 'no such file'}`);
    [this.size, this.width] = [articles, width];
    this.rowsAtOnce = Math.max(1, Math.floor(PIECE_NUMBERS / width));
    this.#most = Math.floor(cacheBytes / (this.rowsAtOnce * width * 4));
    this.#file = new FileCache(path, 0, readSums(join(folder, VECTOR_FILES.sums), files));
  }

  /** The numbers of the rows `piece * rowsAtOnce` and on, one row after the other. */
  piece(piece: number): Float32Array {
    const kept = this.#pieces[piece];
    if (kept !== undefined) return kept;
    const from = piece * this.rowsAtOnce;
    const numbers = this.rows(from, Math.min(from + this.rowsAtOnce, this.size));
    // In order: others than the first are kept by nobody.
    if (piece === this.#pieces.length && piece < this.#most) this.#pieces.push(numbers);
    return numbers;
  }

  close(): void {
    this.#file.close();
  }

  /** Those from one to before another, which are not kept. */
  rows(from: number, to: number): Float32Array {
    const bytes = this.#file.once(from * this.width * 4, to * this.width * 4);
    const numbers = new Float32Array((to - from) * this.width);
    new Uint8Array(numbers.buffer).set(bytes);
    return numbers;
  }
}
