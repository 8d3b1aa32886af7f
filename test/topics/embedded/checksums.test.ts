import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { generateWasm, inSources, WASM_SOURCES } from '../../../scripts/generate-wasm.ts';
import { seedFor, uniform } from '../../../src/random.ts';
import { openChecksums } from '../../../src/topics/embedded/checksums.ts';

const { nh } = await openChecksums();

test.each(WASM_SOURCES)(
  '%s.generated.ts is what `npm run generate` makes of the source beside it',
  async (source) => {
    expect(readFileSync(inSources(`${source}.generated.ts`), 'utf8')).toBe(await generateWasm(source));
  },
);

const WORD = 2n ** 64n;
const rotl = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) % WORD;

function splitMix64(words: number): Buffer {
  const key = Buffer.alloc(8 * words);
  for (let i = 1; i <= words; i++) {
    let z = (BigInt(i) * 0x9e3779b97f4a7c15n) % WORD;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) % WORD;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) % WORD;
    key.writeBigUInt64LE(z ^ (z >> 31n), 8 * (i - 1));
  }
  return key;
}

const KEY = splitMix64(128);

/** The definition, in whole numbers. */
function defined(bytes: Buffer, seed: number): number {
  const [p1, p2, p3] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n];
  let hash = (BigInt(seed) + BigInt(bytes.length) * p1) % WORD;
  for (let block = 0; block < bytes.length; block += 1024) {
    const padded = Buffer.concat([bytes.subarray(block, block + 1024), Buffer.alloc(63)]);
    let sum = 0n;
    for (let stripe = 0; stripe + 64 <= padded.length; stripe += 64) {
      const keyed = (i: number): bigint =>
        BigInt((padded.readUInt32LE(stripe + 4 * i) + KEY.readUInt32LE(stripe + 4 * i)) >>> 0);
      for (const i of [0, 1, 2, 3, 8, 9, 10, 11]) sum += keyed(i) * keyed(i + 4);
    }
    hash = (rotl(hash ^ (((sum % WORD) * p2) % WORD), 27n) * p1) % WORD;
  }
  hash = ((hash ^ (hash >> 33n)) * p2) % WORD;
  hash = ((hash ^ (hash >> 29n)) * p3) % WORD;
  return Number((hash ^ (hash >> 32n)) & 0xffffffffn);
}

let drawn = 0;
const numbers = (): number => uniform(seedFor(7, 'checksums'), drawn++);

function bytesOf(length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(numbers() * 256)));
}

test('a checksum is that of the definition, at every length', () => {
  const lengths = [...Array.from({ length: 130 }, (_, i) => i), 1023, 1024, 1025, 2048, 3333, 65_536];
  for (const length of lengths) {
    const bytes = bytesOf(length);
    const seed = Math.floor(numbers() * 2 ** 32);
    // What the memory held of the value before does not matter.
    nh(Buffer.alloc(length + 200, 0xff), 1);
    expect(nh(bytes, seed)).toBe(defined(bytes, seed));
  }
});

test('a long value is summed in pieces, each from the checksum of those before', () => {
  const bytes = bytesOf(150_000);
  const first = defined(bytes.subarray(0, 65_536), 3);
  const second = defined(bytes.subarray(65_536, 131_072), first);
  expect(nh(bytes, 3)).toBe(defined(bytes.subarray(131_072), second));
});

test('every changed bit is seen, and what is moved, cut or continued', () => {
  const text = Buffer.from('Tom has 120 books, and reads 3 of them a week. '.repeat(60));
  const whole = nh(text, 9);
  const seen = (bytes: Uint8Array, seed = 9) => nh(bytes, seed) !== whole;
  const unseen: string[] = [];
  for (let bit = 0; bit < 8 * text.length; bit++) {
    const bytes = Buffer.from(text);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    if (!seen(bytes)) unseen.push(`bit ${bit}`);
  }
  // Whole words, stripes, blocks and sectors in each other's place, or zeros in theirs.
  for (const size of [4, 8, 16, 64, 512, 1024]) {
    for (let at = 0; at + 2 * size <= text.length; at += size) {
      const moved = Buffer.from(text);
      text.copy(moved, at, at + size, at + 2 * size);
      text.copy(moved, at + size, at, at + size);
      if (!moved.equals(text) && !seen(moved)) unseen.push(`${size} bytes of ${at} moved`);
      const gone = Buffer.from(text).fill(0, at, at + size);
      if (!seen(gone)) unseen.push(`${size} bytes of ${at} gone`);
    }
  }
  for (let length = 0; length < text.length; length++)
    if (!seen(text.subarray(0, length))) unseen.push(`cut at ${length}`);
  for (let zeros = 1; zeros < 200; zeros++)
    if (!seen(Buffer.concat([text, Buffer.alloc(zeros)]))) unseen.push(`${zeros} zeros more`);
  for (let bit = 0; bit < 32; bit++) if (!seen(text, (9 ^ (1 << bit)) >>> 0)) unseen.push(`seed, bit ${bit}`);
  expect(unseen).toEqual([]);
});

test('checksums of like values are spread as chance would: no bit is fixed, few are the same', () => {
  const sums = Array.from({ length: 20_000 }, (_, i) => nh(Buffer.from(`q${i}/0: GOOD`), 0));
  // Of 20,000 among 2^32, 0.05 pairs are expected.
  expect(sums.length - new Set(sums).size).toBeLessThan(3);
  for (let bit = 0; bit < 32; bit++) {
    const set = sums.filter((sum) => (sum >>> bit) & 1).length;
    // Five standard deviations.
    expect(Math.abs(set - 10_000)).toBeLessThan(5 * Math.sqrt(5000));
  }
});
