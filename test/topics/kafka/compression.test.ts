/**
 * What a hostile producer may write as a compressed batch. That real ones are read is tested on a broker:
 * `kafka-transport`, `clients`.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import snappyjs from 'snappyjs';
import { TransportError } from '../../../src/errors.ts';
import { decompressors } from '../../../src/topics/kafka/compression.ts';

const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4];
const LIMIT = 100_000;

function decompress(codec: number, bytes: Uint8Array, limit = LIMIT): Promise<Buffer> {
  const found = decompressors.get(codec);
  if (found === undefined) throw new Error(`no codec ${codec}`);
  return found(Buffer.from(bytes), { name: 'swirl.main.questions', limit });
}

const u32be = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const u32le = (n: number) => u32be(n).reverse();
const text = (value: string) => [...Buffer.from(value, 'latin1')];

/** A frame of LZ4 around blocks: 64 kB at most each, no checksums. */
const lz4Frame = (...blocks: number[][]) =>
  Buffer.from([
    ...[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
    ...blocks.flatMap((block) => [...u32le(block.length), ...block]),
    ...u32le(0),
  ]);
/** One literal, then a match that repeats it `15 + 4 + 255 * more` times. */
const lz4Bomb = (more: number) => [0x1f, 0x61, 1, 0, ...Array<number>(more).fill(255), 0, 0x10, 0x62];
/** A frame of zstd whose blocks each repeat one byte 128 Ki times. */
const zstdBomb = (blocks: number) => {
  const header = (last: boolean) => ((128 * 1024) << 3) | (1 << 1) | Number(last);
  return Buffer.from([
    ...[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38],
    ...Array.from({ length: blocks }, (_, i) => [
      ...u32le(header(i === blocks - 1)).slice(0, 3),
      0x61,
    ]).flat(),
  ]);
};
const xerial = (...chunks: Uint8Array[]) =>
  Buffer.concat([
    Buffer.from([0x82, ...text('SNAPPY'), 0, ...u32be(1), ...u32be(1)]),
    ...chunks.flatMap((chunk) => [Buffer.from(u32be(chunk.length)), chunk]),
  ]);

describe('what Kafka calls', () => {
  const plain = Buffer.from('abcabcabcabc'.repeat(1_000));
  const rle = (bytes: number) => Buffer.alloc(bytes, 'a');

  test.each<[string, number, Uint8Array, Buffer]>([
    ['gzip', GZIP, gzipSync(plain), plain],
    ['snappy', SNAPPY, snappyjs.compress(plain), plain],
    [
      'snappy in frames',
      SNAPPY,
      xerial(snappyjs.compress(plain), snappyjs.compress(plain)),
      Buffer.concat([plain, plain]),
    ],
    [
      'lz4, of two blocks',
      LZ4,
      lz4Frame(lz4Bomb(3), lz4Bomb(0)),
      Buffer.from(`${'a'.repeat(1 + 19 + 255 * 3)}b${'a'.repeat(1 + 19)}b`),
    ],
    ['zstd', ZSTD, zstdBomb(2), rle(2 * 128 * 1024)],
  ])('%s is undone, up to the limit and not beyond', async (_, codec, bytes, expected) => {
    expect((await decompress(codec, bytes, expected.length)).equals(expected)).toBe(true);
    await expect(decompress(codec, bytes, expected.length - 1)).rejects.toThrow(/decompressedBytes/);
    await expect(decompress(codec, bytes.subarray(0, -5), expected.length)).rejects.toThrow(TransportError);
  });

  test.each<[string, number, Uint8Array]>([
    ['gzip', GZIP, gzipSync(Buffer.alloc(2 ** 24))],
    ['snappy that claims 4 GB', SNAPPY, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])],
    ['snappy in frames', SNAPPY, xerial(...Array<Uint8Array>(100).fill(snappyjs.compress(plain)))],
    ['lz4', LZ4, lz4Frame(lz4Bomb(60_000))],
    ['lz4 in many blocks', LZ4, lz4Frame(...Array<number[]>(1_000).fill(lz4Bomb(250)))],
    ['zstd', ZSTD, zstdBomb(10_000)],
  ])('a bomb of %s ends at the limit', async (_, codec, bytes) => {
    await expect(decompress(codec, bytes)).rejects.toThrow(
      /swirl\.main\.questions.*at most 100000 bytes.*decompressedBytes/,
    );
  });

  test('anything at all is undone or refused, and never more than the limit', async () => {
    const seeds = [
      [GZIP, gzipSync(plain)],
      [SNAPPY, snappyjs.compress(plain)],
      [SNAPPY, xerial(snappyjs.compress(plain))],
      [LZ4, lz4Frame(lz4Bomb(20), lz4Bomb(1))],
      [ZSTD, zstdBomb(1)],
    ] as const;
    const damage = fc.array(fc.tuple(fc.nat(2_000), fc.nat(255)), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...seeds), damage, fc.nat(2_000), async ([codec, seed], hits, cut) => {
        const bytes = Buffer.from(seed).subarray(0, cut > 1_000 ? seed.length : cut);
        for (const [at, value] of hits) if (bytes.length > 0) bytes[at % bytes.length] = value;
        const outcome = await decompress(codec, bytes).catch((error: unknown) => error);
        if (outcome instanceof TransportError) return;
        expect(Buffer.isBuffer(outcome)).toBe(true);
        expect((outcome as Buffer).length).toBeLessThanOrEqual(LIMIT);
      }),
      { numRuns: 2_000 },
    );
  });
});
