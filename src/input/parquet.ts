/** Rows of Parquet files, as the hubs have data sets: each comes as a JSON object. */

import { open, stat } from 'node:fs/promises';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { DataError } from '../errors.ts';
import type { Input } from './input.ts';
import { unHadoopLz4, unLz4 } from './lz4.ts';
import type { Row } from './rows.ts';

/** The most bytes of a row group: it is held in memory at once, where it takes about eight times as many. */
const MAX_GROUP_BYTES = 2 ** 29;
/** The most bytes of a file that is no file on disk. */
const MAX_STREAM_BYTES = 2 ** 30;

/** The rows, row group by row group. Throws `DataError` where the file is damaged or no Parquet. */
export async function* parquetRows(input: Input): AsyncGenerator<Row, void, void> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const file = await bufferOf(input);
  const compressors = await codecs();
  const metadata = await damaged(input, () => parquetMetadataAsync(file));
  const shortened = floatColumns(metadata);
  let number = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows);
    if (Number(group.total_byte_size) > MAX_GROUP_BYTES) {
      throw new DataError(
        `${input.name}: expected row groups of at most ${MAX_GROUP_BYTES} bytes, found ${group.total_byte_size} in row group ${index}: write it again in smaller ones, as pyarrow does with row_group_size=50000`,
      );
    }
    const range = { rowStart: number, rowEnd: number + rows };
    const objects = await damaged(input, () => parquetReadObjects({ file, metadata, compressors, ...range }));
    for (const object of objects) {
      number++;
      const place = `${input.name}, row ${number}`;
      yield { place, number, offset: 0, text: jsonText(object, shortened), error: null };
    }
  }
}

/** Columns with numbers of 32 bits, which are printed with the digits that they need: 0.1, not 0.10000000149011612. */
function floatColumns({ schema }: FileMetaData): ReadonlySet<string> {
  const columns = new Set<string>();
  let at = 1;
  const walk = (top: string): void => {
    const element = schema[at++];
    if (element === undefined) return;
    if (element.type === 'FLOAT') columns.add(top);
    for (let child = 0; child < (element.num_children ?? 0); child++) walk(top);
  };
  while (at < schema.length) walk(schema[at]?.name ?? '');
  return columns;
}

/** A row as JSON. Whole numbers of 64 bits keep all their digits; there is no JSON for NaN and infinity: null. */
function jsonText(row: Readonly<Record<string, unknown>>, shortened: ReadonlySet<string>): string {
  const members = Object.entries(row)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(plain(value, shortened.has(name)))}`);
  return `{${members.join(',')}}`;
}

function plain(value: unknown, isShort: boolean): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (typeof value === 'number') return isShort && Number.isFinite(value) ? shortFloat(value) : value;
  if (typeof value !== 'object' || value === null || value instanceof Date) return value ?? null;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value as unknown as ArrayLike<unknown>, (item) => plain(item, isShort));
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, plain(item, isShort)]])),
  );
}

/** The shortest decimal that is this number of 32 bits. */
function shortFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

async function bufferOf(input: Input): Promise<AsyncBuffer> {
  if (input.path !== undefined && (await isParquetFile(input.path))) {
    const { asyncBufferFromFile } = await import('hyparquet');
    return asyncBufferFromFile(input.path);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input.open()) {
    length += chunk.length;
    if (length > MAX_STREAM_BYTES) {
      throw new DataError(
        `${input.name}: expected an uncompressed file on disk where there are more than ${MAX_STREAM_BYTES} bytes`,
      );
    }
    chunks.push(Uint8Array.prototype.slice.call(chunk));
  }
  const bytes = new Uint8Array(Buffer.concat(chunks));
  return { byteLength: length, slice: (from, to) => bytes.buffer.slice(from, to) };
}

/** Whether it lies on disk as it is: of a pipe, or a compressed file, only a stream can be read. */
async function isParquetFile(path: string): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false;
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === 'PAR1';
  } finally {
    await file.close();
  }
}

/** Snappy is hyparquet's own; the others are ours. */
async function codecs(): Promise<Compressors> {
  const { brotliDecompressSync, gunzipSync } = await import('node:zlib');
  const { decompress } = await import('fzstd');
  return {
    GZIP: (bytes, length) => new Uint8Array(gunzipSync(bytes, { maxOutputLength: Math.max(length, 1) })),
    BROTLI: (bytes, length) =>
      new Uint8Array(brotliDecompressSync(bytes, { maxOutputLength: Math.max(length, 1) })),
    LZ4: unHadoopLz4,
    LZ4_RAW: unLz4,
    ZSTD: (bytes, length) => decompress(bytes, new Uint8Array(length)),
  };
}

async function damaged<T>(input: Input, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const said = (cause as Error).message;
    const hint = said.includes('compression codec')
      ? ' (read are Snappy, gzip, Zstandard, Brotli, LZ4 and none: write it again with one of these, as pyarrow does with compression="zstd")'
      : '';
    throw new DataError(
      `${input.name}: expected a Parquet file, found one that cannot be read: ${said}${hint}`,
      {
        cause,
      },
    );
  }
}
