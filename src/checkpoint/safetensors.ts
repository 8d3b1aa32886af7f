/**
 * Reads and writes safetensors files (https://huggingface.co/docs/safetensors): 8 bytes of header length
 * (little-endian), a JSON header, the tensors' bytes. The header is checked before anything is allocated, as
 * a file may be hostile or cut.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import {
  isWeightDtype,
  toBytes,
  toFloat32Values,
  valueBytes,
  WEIGHT_DTYPES,
} from '../engine/number-formats.ts';
import { DataError } from '../errors.ts';
import { readFully, type TensorFile, type TensorInfo } from './tensor-file.ts';

/** Longest header that is read; the format's own limit. */
const maxHeaderBytes = 100_000_000;
/** How many bytes are read or written at once. */
const sliceBytes = 4 * 1024 * 1024;

const offset = z.int().nonnegative();
const entrySchema = z.looseObject({
  dtype: z.string().max(16),
  shape: z.array(offset).max(16),
  data_offsets: z.tuple([offset, offset]),
});

/** An open safetensors file. */
export class SafetensorsFile implements TensorFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly dtypes = WEIGHT_DTYPES;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, header: Header) {
    this.path = path;
    this.#handle = handle;
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  /** Opens a file and checks its header. Throws `DataError` where it is not sound, or not there. */
  static async open(path: string): Promise<SafetensorsFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (cause) {
      throw new DataError(`${path}: cannot be opened (${(cause as NodeJS.ErrnoException).code})`, { cause });
    }
    try {
      return new SafetensorsFile(path, handle, await readHeader(path, handle));
    } catch (error) {
      await handle.close();
      if (error instanceof DataError) throw error;
      throw new DataError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`, {
        cause: error,
      });
    }
  }

  /** F32, F16 and BF16 are exact. */
  async readSlices(name: string, visit: (slice: Float32Array, at: number) => void): Promise<void> {
    const info = this.tensors.get(name);
    if (!info) throw new DataError(`${this.path}: expected a tensor ${name}, found none`);
    const { dtype } = info;
    if (!isWeightDtype(dtype)) {
      throw new DataError(`${this.path}: expected ${name} to be F32, F16 or BF16, found ${dtype}`);
    }
    const bytes = valueBytes(dtype) ?? 1;
    await this.#readBytes(info, (slice, at) => visit(toFloat32Values(slice, dtype), at / bytes));
  }

  /** SHA-256 of a tensor's bytes, as they are stored. */
  async hash(name: string): Promise<string> {
    const hash = createHash('sha256');
    const info = this.tensors.get(name);
    if (info) await this.#readBytes(info, (slice) => hash.update(slice));
    return hash.digest('hex');
  }

  /** One buffer serves all slices. */
  async #readBytes(
    { start, end }: TensorInfo,
    visit: (slice: Uint8Array, at: number) => void,
  ): Promise<void> {
    const buffer = Buffer.alloc(Math.min(sliceBytes, end - start));
    for (let at = start; at < end; at += buffer.length) {
      const slice = buffer.subarray(0, Math.min(buffer.length, end - at));
      await readFully(this.path, this.#handle, slice, at);
      visit(slice, at - start);
    }
  }

  /** All numbers of a tensor as f32. */
  async read(name: string): Promise<Float32Array> {
    const info = this.tensors.get(name);
    const values = new Float32Array(info ? countOf(info.shape) : 0);
    await this.readSlices(name, (slice, at) => values.set(slice, at));
    return values;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** A tensor to be written: all of its numbers, or a reader that gives them slice by slice, in order. */
export interface TensorToWrite {
  readonly shape: readonly number[];
  readonly values: Float32Array | ((visit: (slice: Float32Array) => void) => Promise<void>);
}

export interface WriteOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** How the numbers are stored: F32 to the bit (the default), or BF16, rounded to the nearest. */
  readonly dtype?: 'F32' | 'BF16';
}

/** Writes tensors in the order of their names, one after the other, and flushes them to disk. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  { metadata = {}, dtype = 'F32' }: WriteOptions = {},
): Promise<void> {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } };
  let end = 0;
  for (const name of names) {
    const { shape, values } = tensors.get(name) as TensorToWrite;
    if (values instanceof Float32Array) checkCount(name, shape, values.length);
    const start = end;
    end += countOf(shape) * (valueBytes(dtype) ?? 0);
    header[name] = { dtype, shape, data_offsets: [start, end] };
  }
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  // Padded with spaces, so that the numbers begin at a multiple of 8.
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(Buffer.concat([length, padded]));
    for (const name of names) await writeValues(handle, name, tensors.get(name) as TensorToWrite, dtype);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeValues(
  handle: FileHandle,
  name: string,
  { shape, values }: TensorToWrite,
  dtype: 'F32' | 'BF16',
): Promise<void> {
  const atOnce = sliceBytes / 4;
  if (values instanceof Float32Array) {
    for (let at = 0; at < values.length; at += atOnce) {
      await handle.writeFile(toBytes(values.subarray(at, at + atOnce), dtype));
    }
    return;
  }
  let count = 0;
  // A reader cannot be held up, so each slice is written before it goes on; it never holds more than one.
  await values((slice) => {
    count += slice.length;
    const bytes = toBytes(slice, dtype);
    for (let at = 0; at < bytes.length; ) at += writeSync(handle.fd, bytes, at);
  });
  checkCount(name, shape, count);
}

function checkCount(name: string, shape: readonly number[], found: number): void {
  if (countOf(shape) === found) return;
  throw new RangeError(`${name}: expected ${countOf(shape)} numbers for (${shape}), found ${found}`);
}

interface Header {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

async function readHeader(path: string, handle: FileHandle): Promise<Header> {
  const fileSize = (await handle.stat()).size;
  const fail = (message: string, cause?: unknown) => new DataError(`${path}: ${message}`, { cause });
  if (fileSize < 8) throw fail(`expected a safetensors file, found ${fileSize} bytes`);
  const prefix = Buffer.alloc(8);
  await readFully(path, handle, prefix, 0);
  const length = prefix.readBigUInt64LE();
  if (length > BigInt(Math.min(maxHeaderBytes, fileSize - 8))) {
    throw fail(
      `expected a header of at most ${Math.min(maxHeaderBytes, fileSize - 8)} bytes, found its length given as ${length}`,
    );
  }
  const bytes = Buffer.alloc(Number(length));
  await readFully(path, handle, bytes, 8);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fail('expected a header in JSON, found something else', cause);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw fail('expected the header to be a JSON object');
  }
  const { __metadata__: metadata = {}, ...entries } = json as Record<string, unknown>;
  const notes = z.record(z.string(), z.string()).safeParse(metadata);
  if (!notes.success) throw fail('expected the header\'s "__metadata__" to map texts to texts');
  const tensors = new Map<string, TensorInfo>();
  const dataStart = 8 + bytes.length;
  for (const [name, entry] of Object.entries(entries))
    tensors.set(name, checkEntry(name, entry, dataStart, fail));
  checkLayout(tensors, dataStart, fileSize, fail);
  return { tensors, metadata: new Map(Object.entries(notes.data)) };
}

function checkEntry(
  name: string,
  entry: unknown,
  dataStart: number,
  fail: (message: string) => DataError,
): TensorInfo {
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) throw fail(`tensor ${name}: ${z.prettifyError(parsed.error)}`);
  const { dtype, shape } = parsed.data;
  const [from, to] = parsed.data.data_offsets;
  const width = valueBytes(dtype);
  const expected = width === undefined ? undefined : countOf(shape) * width;
  if (to < from || (expected !== undefined && to - from !== expected)) {
    throw fail(
      `tensor ${name} (${shape.join(', ')}) of ${dtype}: expected ${expected ?? 'some'} bytes, found offsets ${from} to ${to}`,
    );
  }
  return { dtype, shape, start: dataStart + from, end: dataStart + to };
}

/** The tensors must fill the file without gap or overlap; a file that ends early names what is cut. */
function checkLayout(
  tensors: ReadonlyMap<string, TensorInfo>,
  dataStart: number,
  fileSize: number,
  fail: (message: string) => DataError,
): void {
  let end = dataStart;
  let previous = 'the header';
  for (const [name, info] of [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (info.start !== end) {
      const what = info.start < end ? 'overlaps' : 'leaves a gap after';
      throw fail(
        `tensor ${name} ${what} ${previous}: expected it to start at byte ${end}, found ${info.start}`,
      );
    }
    if (info.end > fileSize) {
      const [rows = 1, ...rest] = info.shape;
      const whole = Math.floor((Math.max(0, fileSize - info.start) / (info.end - info.start)) * rows);
      throw fail(
        `the file is cut in tensor ${name}: expected (${info.shape.join(', ')}) up to byte ${info.end}, ` +
          `found (${[whole, ...rest].join(', ')}) and the end of the file at byte ${fileSize}. Copy the file again.`,
      );
    }
    end = info.end;
    previous = name;
  }
  if (end !== fileSize)
    throw fail(`expected the file to end with ${previous} at byte ${end}, found ${fileSize} bytes`);
}

/** How many numbers a shape holds; Infinity past what a number can count exactly. */
function countOf(shape: readonly number[]): number {
  const count = shape.reduce((product, n) => product * n, 1);
  return Number.isSafeInteger(count) ? count : Number.POSITIVE_INFINITY;
}
