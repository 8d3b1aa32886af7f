/**
 * The header of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3:
 * metadata, and where each tensor lies. Everything in it is checked before it is believed, as a file may be
 * hostile or cut.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../errors.ts';
import type { TensorInfo } from '../tensor-file.ts';
import { BLOCK_KINDS, type BlockKind } from './blocks.ts';

/** Longest header that is read; those of large vocabularies take some 20 MB. */
const MAX_HEADER = 256 * 1024 * 1024;
const MAX_ENTRIES = 65_536;
const MAX_DIMENSIONS = 4;
const MAX_NESTING = 3;
const DEFAULT_ALIGNMENT = 32;

export type GgufValue = number | boolean | string | readonly GgufValue[];
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** Its shape is row-major: GGUF's own order of dimensions, the fastest first, turned round. */
export interface GgufTensor extends Omit<TensorInfo, 'dtype'> {
  readonly kind: BlockKind;
}

export interface GgufHeader {
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Reads and checks a file's header. Throws `DataError` with the file, what was expected, and where. */
export function readGgufHeader(path: string): GgufHeader {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new DataError(`${path}: cannot be opened (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new DataError(`${path}: expected a GGUF file, found no file`);
    const { size } = found;
    return new HeaderReader(path, file, size).read();
  } finally {
    closeSync(file);
  }
}

/** The kinds of metadata values, by their number. */
const SCALARS: Readonly<Record<number, { bytes: number; read: (view: DataView, at: number) => GgufValue }>> =
  {
    0: { bytes: 1, read: (view, at) => view.getUint8(at) },
    1: { bytes: 1, read: (view, at) => view.getInt8(at) },
    2: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
    3: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
    4: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
    5: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
    6: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
    7: { bytes: 1, read: (view, at) => view.getUint8(at) !== 0 },
    10: { bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
    11: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
    12: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  };
const STRING = 8;
const ARRAY = 9;

/** Goes through the header from its beginning, a piece of the file in memory. */
class HeaderReader {
  readonly #path: string;
  readonly #file: number;
  readonly #size: number;
  #piece = Buffer.alloc(0);
  /** Where the piece begins in the file, and how far it has been read. */
  #begin = 0;
  #at = 0;

  constructor(path: string, file: number, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  read(): GgufHeader {
    if (this.#size < 24 || this.#take(4).toString('latin1') !== 'GGUF')
      throw this.#fail('expected a GGUF file, found something else');
    const version = this.#scalar(4) as number;
    if (version !== 2 && version !== 3) {
      const swapped = version === 0x02000000 || version === 0x03000000;
      throw this.#fail(
        swapped
          ? 'expected numbers with their lowest byte first, found a file for big-endian machines'
          : `expected version 2 or 3, found ${version}`,
      );
    }
    const tensorCount = this.#count('tensors');
    const metadataCount = this.#count('metadata');
    const metadata = new Map<string, GgufValue>();
    for (let i = 0; i < metadataCount; i++) {
      const key = this.#string();
      if (metadata.has(key)) throw this.#fail(`expected one value of ${key}, found two`);
      metadata.set(key, this.#value(this.#scalar(4) as number, 0));
    }
    const placed = Array.from({ length: tensorCount }, () => this.#tensor());
    const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
    if (typeof alignment !== 'number' || !(alignment >= 8) || alignment % 8 !== 0)
      throw this.#fail(`expected general.alignment to be a multiple of 8, found ${String(alignment)}`);
    const dataStart = Math.ceil(this.#position / alignment) * alignment;
    return { metadata, tensors: this.#placed(placed, dataStart) };
  }

  get #position(): number {
    return this.#begin + this.#at;
  }

  #fail(message: string): DataError {
    return new DataError(`${this.#path}: ${message}`);
  }

  /** The next bytes; they are those of the piece, until more is taken. */
  #take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#size)
      throw this.#fail(
        `the file is cut in its header: expected ${length} bytes at ${this.#position}, found its end at ${this.#size}`,
      );
    if (end > MAX_HEADER) throw this.#fail(`expected a header of at most ${MAX_HEADER} bytes, found more`);
    if (this.#at + length > this.#piece.length) {
      this.#begin = this.#position;
      this.#at = 0;
      const wanted = Math.min(Math.max(length, 1 << 20), this.#size - this.#begin);
      this.#piece = Buffer.alloc(wanted);
      for (let done = 0; done < wanted; ) {
        const read = readSync(this.#file, this.#piece, done, wanted - done, this.#begin + done);
        if (read === 0) throw this.#fail(`expected ${this.#size} bytes, found the file's end before`);
        done += read;
      }
    }
    this.#at += length;
    return this.#piece.subarray(this.#at - length, this.#at);
  }

  #scalar(kind: number): GgufValue {
    const { bytes, read } = SCALARS[kind] as (typeof SCALARS)[number];
    const taken = this.#take(bytes);
    return read(new DataView(taken.buffer, taken.byteOffset, bytes), 0);
  }

  #length(what: string): number {
    const length = this.#scalar(10) as number;
    if (length > this.#size - this.#position)
      throw this.#fail(`expected ${what} that fits into the file, found its length given as ${length}`);
    return length;
  }

  #count(what: string): number {
    const count = this.#scalar(10) as number;
    if (count > MAX_ENTRIES) throw this.#fail(`expected at most ${MAX_ENTRIES} ${what}, found ${count}`);
    return count;
  }

  #string(): string {
    return this.#take(this.#length('a text')).toString('utf8');
  }

  #value(kind: number, depth: number): GgufValue {
    if (SCALARS[kind]) return this.#scalar(kind);
    if (kind === STRING) return this.#string();
    if (kind !== ARRAY || depth === MAX_NESTING)
      throw this.#fail(
        kind === ARRAY
          ? `expected lists within ${MAX_NESTING} lists at most, found more`
          : `expected a kind of value from 0 to 12, found ${kind} before byte ${this.#position}`,
      );
    const of = this.#scalar(4) as number;
    const length = this.#length('a list');
    return Array.from({ length }, () => this.#value(of, depth + 1));
  }

  /** A tensor as the header has it: its offset counts from where the data begin. */
  #tensor(): Placed {
    const name = this.#string();
    const dimensions = this.#scalar(4) as number;
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS)
      throw this.#fail(`tensor ${name}: expected 1 to ${MAX_DIMENSIONS} dimensions, found ${dimensions}`);
    const shape = Array.from({ length: dimensions }, () => this.#scalar(10) as number).reverse();
    const type = this.#scalar(4) as number;
    const kind = BLOCK_KINDS.get(type);
    if (!kind) {
      const known = [...BLOCK_KINDS.values()].map(({ name }) => name).join(', ');
      throw this.#fail(
        `tensor ${name}: expected numbers of a kind that Swirl reads (${known}), found kind ${type}`,
      );
    }
    return { name, shape, kind, offset: this.#scalar(10) as number };
  }

  /** Tensors must lie within the file, and none on another. */
  #placed(placed: readonly Placed[], dataStart: number): Map<string, GgufTensor> {
    const tensors = new Map<string, GgufTensor>();
    let [end, previous] = [dataStart, 'the header'];
    for (const { name, shape, kind, offset } of [...placed].sort((a, b) => a.offset - b.offset)) {
      if (tensors.has(name)) throw this.#fail(`expected one tensor ${name}, found two`);
      const row = shape.at(-1) as number;
      const count = shape.reduce((product, n) => product * n, 1);
      if (row % kind.values !== 0 || !Number.isSafeInteger(count))
        throw this.#fail(
          `tensor ${name} (${shape.join(', ')}): expected rows of whole blocks of ${kind.values} numbers (${kind.name})`,
        );
      const start = dataStart + offset;
      if (start < end)
        throw this.#fail(
          `tensor ${name} overlaps ${previous}: expected it from byte ${end} on, found ${start}`,
        );
      end = start + (count / kind.values) * kind.bytes;
      previous = name;
      if (end > this.#size)
        throw this.#fail(
          `the file is cut in tensor ${name}: expected it up to byte ${end}, found the file's end at ${this.#size}. Copy the file again.`,
        );
      tensors.set(name, { kind, shape, start, end });
    }
    return tensors;
  }
}

interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: BlockKind;
  readonly offset: number;
}
