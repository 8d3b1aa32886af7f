/**
 * The vectors of queries, kept in memory and beside the corpus: the same query has the same vector in every process
 * and run, also where an endpoint gives another each time, and is paid for once. A file each, named by its hash,
 * written as a whole; one that is damaged is asked for again.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '../../../crc32c.ts';
import { makeFolder } from '../../../make-folder.ts';

export interface QueryVectorsOptions {
  readonly folder: string;
  /** Numbers of a vector. */
  readonly width: number;
  /** How many are kept, in memory and in the folder. */
  readonly most: number;
  /** Asks for one. */
  readonly embed: (query: string, signal: AbortSignal) => Promise<Float32Array>;
}

const SUFFIX = '.f32';

export class QueryVectors {
  readonly #options: QueryVectorsOptions;
  readonly #kept = new Map<string, Promise<Float32Array>>();
  /** Files of the folder; null until it is looked at. */
  #files: number | null = null;

  constructor(options: QueryVectorsOptions) {
    this.#options = options;
  }

  /** Throws as `embed` does. Two who ask at once for the same get the same. */
  async of(query: string, signal: AbortSignal): Promise<Float32Array> {
    const { most, embed } = this.#options;
    const name = createHash('sha256').update(query).digest('hex');
    const kept = this.#kept.get(name);
    // Whoever asked first may have given up: that is no reason for others to.
    const found = kept === undefined ? null : await kept.catch(() => null);
    if (found !== null) return found;
    const asked = (async () => {
      const read = this.#read(name);
      if (read !== null) return read;
      const vector = await embed(query, signal);
      return this.#keep(name, vector);
    })();
    if (most > 0) this.#kept.set(name, asked);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > most && oldest !== undefined) this.#kept.delete(oldest);
    try {
      return await asked;
    } catch (error) {
      if (this.#kept.get(name) === asked) this.#kept.delete(name);
      throw error;
    }
  }

  #read(name: string): Float32Array | null {
    const { folder, width, most } = this.#options;
    if (most === 0) return null;
    let bytes: Buffer;
    try {
      bytes = readFileSync(join(folder, name + SUFFIX));
    } catch {
      return null;
    }
    if (bytes.length !== 4 + width * 4) return null;
    const numbers = bytes.subarray(4);
    if (crc32c(numbers) !== bytes.readUInt32LE(0)) return null;
    return Float32Array.from({ length: width }, (_, i) => numbers.readFloatLE(i * 4));
  }

  /** What another process has kept in the meantime counts. */
  #keep(name: string, vector: Float32Array): Float32Array {
    const { folder, most } = this.#options;
    const path = join(folder, name + SUFFIX);
    try {
      const earlier = this.#read(name);
      if (earlier !== null) return earlier;
      makeFolder(folder);
      this.#files ??= readdirSync(folder).length;
      if (this.#files >= most) return vector;
      const bytes = Buffer.alloc(4 + vector.length * 4);
      for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, 4 + i * 4);
      bytes.writeUInt32LE(crc32c(bytes.subarray(4)), 0);
      const aside = `${path}.${randomUUID()}`;
      writeFileSync(aside, bytes);
      renameSync(aside, path);
      this.#files++;
    } catch {
      // A folder that cannot be written: memory has it.
    }
    return vector;
  }
}
