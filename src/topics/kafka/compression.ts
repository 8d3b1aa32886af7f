/**
 * Compressed records: Swirl writes none, but other producers do, and so do brokers where a topic's
 * `compression.type` says so. All of Kafka's codecs, each with a limit on what a batch may become: a few
 * bytes can stand for gigabytes.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { TransportError } from '../../errors.ts';
import { decompressFrame } from './lz4.ts';

export interface BatchPlace {
  /** The topic's name on the cluster, for errors. */
  readonly name: string;
  /** The most bytes that a batch may become. */
  readonly limit: number;
}

type Decompress = (bytes: Buffer, limit: number) => Promise<Buffer>;

/**
 * By the codec's number in a batch's attributes: what undoes its compression. Throws a `TransportError` for
 * what is malformed, or would be longer than the limit.
 */
export const decompressors: ReadonlyMap<number, (bytes: Buffer, place: BatchPlace) => Promise<Buffer>> =
  new Map([
    [1, told('gzip', (bytes, limit) => promisify(gunzip)(bytes, { maxOutputLength: limit }))],
    [2, told('snappy', snappy)],
    [3, told('lz4', async (bytes, limit) => decompressFrame(bytes, limit))],
    [4, told('zstd', zstd)],
  ]);

/** Raw, as librdkafka writes it, or in snappy-java's frame, as Java clients and brokers do. */
async function snappy(bytes: Buffer, limit: number): Promise<Buffer> {
  const { default: snappyjs } = await import('snappyjs');
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return snappyjs.uncompress(bytes, limit);
  const chunks: Buffer[] = [];
  let left = limit;
  // Behind the mark are two versions of 4 bytes; each chunk follows its length.
  for (let at = XERIAL.length + 8; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const chunk = snappyjs.uncompress(bytes.subarray(at + 4, end), left);
    chunks.push(chunk);
    left -= chunk.length;
    at = end;
  }
  return Buffer.concat(chunks);
}

const XERIAL = Buffer.from('\x82SNAPPY\0', 'latin1');

async function zstd(bytes: Buffer, limit: number): Promise<Buffer> {
  const { Decompress: Stream } = await import('fzstd');
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = new Stream((chunk) => {
    length += chunk.length;
    if (length > limit) throw new RangeError(`${length} bytes and more`);
    chunks.push(chunk);
  });
  stream.push(bytes, true);
  return Buffer.concat(chunks);
}

/** With errors that say what was expected: kafkajs takes others for lost connections. */
function told(codec: string, decompress: Decompress) {
  return async (bytes: Buffer, { name, limit }: BatchPlace): Promise<Buffer> => {
    try {
      return await decompress(bytes, limit);
    } catch (cause) {
      throw new TransportError(
        `reading ${name}: expected a batch compressed with ${codec} that becomes at most ${limit} bytes (decompressedBytes of the transport), found: ${(cause as Error).message}`,
        { cause },
      );
    }
  };
}
