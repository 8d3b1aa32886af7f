/** Files that are compressed with gzip or Zstandard, known by their first bytes and not by their names. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors.ts';
import { peeked } from './peeked.ts';
import { unZstandard } from './zstandard.ts';

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** After one of 16 bytes: a frame that is skipped, with which some programs begin. */
const ZSTD_SKIPPED = [0x2a, 0x4d, 0x18];

/** The bytes as they were before they were compressed; throws `DataError` where they are damaged. */
export async function* decompressed(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, void> {
  const { head, all } = await peeked(bytes, ZSTD.length);
  const starts = (magic: readonly number[]) => magic.every((byte, at) => head[at] === byte);
  const isSkipped =
    ((head[0] ?? 0) & 0xf0) === 0x50 && ZSTD_SKIPPED.every((byte, at) => head[at + 1] === byte);
  if (!starts(GZIP) && !starts(ZSTD) && !isSkipped) {
    yield* all;
    return;
  }
  const format = starts(GZIP) ? 'gzip' : 'Zstandard';
  try {
    yield* starts(GZIP) ? gunzipped(all) : unZstandard(all);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${name}: expected ${format} data, found damaged: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function* gunzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const source = Readable.from(bytes, { objectMode: false });
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  yield* source.pipe(gunzip);
}
