/** Rows of Parquet files, as the hubs have data sets: each comes as a JSON object. */
import type { AsyncBuffer, Compressors } from 'hyparquet';
import { DataError } from '../errors.ts';
import type { Input } from './input.ts';
import type { Row } from './rows.ts';

/** The most bytes of a row group, which is held in memory at once, and of a file that is no file on disk. */
const MAX_GROUP_BYTES = 2 ** 30;

/** The rows, row group by row group. Throws `DataError` where the file is damaged or no Parquet. */
export async function* parquetRows(input: Input): AsyncGenerator<Row, void, void> {
  const { parquetMetadataAsync, parquetReadObjects, toJson } = await import('hyparquet');
  const file = await bufferOf(input);
  const compressors = await codecs();
  const metadata = await damaged(input, () => parquetMetadataAsync(file));
  let number = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows);
    if (Number(group.total_byte_size) > MAX_GROUP_BYTES) {
      throw new DataError(
        `${input.name}: expected row groups of at most ${MAX_GROUP_BYTES} bytes, found ${group.total_byte_size} in row group ${index}`,
      );
    }
    const range = { rowStart: number, rowEnd: number + rows };
    const objects = await damaged(input, () => parquetReadObjects({ file, metadata, compressors, ...range }));
    for (const object of objects) {
      number++;
      const place = `${input.name}, row ${number}`;
      yield { place, number, offset: 0, text: JSON.stringify(toJson(object)), error: null };
    }
  }
}

async function bufferOf(input: Input): Promise<AsyncBuffer> {
  if (input.path !== undefined) {
    const { asyncBufferFromFile } = await import('hyparquet');
    return asyncBufferFromFile(input.path);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input.open()) {
    length += chunk.length;
    if (length > MAX_GROUP_BYTES) {
      throw new DataError(
        `${input.name}: expected a file on disk where there are more than ${MAX_GROUP_BYTES} bytes`,
      );
    }
    chunks.push(Uint8Array.prototype.slice.call(chunk));
  }
  const bytes = new Uint8Array(Buffer.concat(chunks));
  return { byteLength: length, slice: (from, to) => bytes.buffer.slice(from, to) };
}

/** Snappy is hyparquet's own; gzip and Zstandard, which the hubs use too, are ours. */
async function codecs(): Promise<Compressors> {
  const { gunzipSync } = await import('node:zlib');
  const { decompress } = await import('fzstd');
  return {
    GZIP: (bytes, length) => new Uint8Array(gunzipSync(bytes, { maxOutputLength: Math.max(length, 1) })),
    ZSTD: (bytes, length) => decompress(bytes, new Uint8Array(length)),
  };
}

async function damaged<T>(input: Input, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new DataError(
      `${input.name}: expected a Parquet file, found one that cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}
