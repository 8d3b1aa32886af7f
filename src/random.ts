/**
 * Random numbers that are a function of a name and a position, so that a sample does not depend on what
 * else was drawn, in which order or on which device. The generator is Philox4x32-10 (Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011), which kernels/philox.wgsl has too.
 */
import { createHash } from 'node:crypto';

/** A Philox block: four words of 32 bits. */
export type PhiloxBlock = readonly [number, number, number, number];

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

/** One block of Philox4x32-10. All words are unsigned 32-bit numbers. */
export function philox(counter: PhiloxBlock, key: readonly [number, number]): PhiloxBlock {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The upper 32 bits of the product of two unsigned 32-bit numbers, by halves of 16 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  // Below 2^33, so exact; the shifts are divisions because JavaScript's cut to 32 bits.
  const carry = Math.floor((aLow * bHigh + (middle % 0x10000)) / 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + carry) >>> 0;
}

/**
 * The block at a position of a seed's sequence: key = the seed's low and high word, counter = the position's
 * low and high word, 0, 0.
 */
function randomBlock(seed: bigint, position: number): PhiloxBlock {
  const low = position >>> 0;
  const high = Math.floor(position / 2 ** 32) >>> 0;
  return philox([low, high, 0, 0], [Number(seed & 0xffffffffn), Number((seed >> 32n) & 0xffffffffn)]);
}

/**
 * A number in [0, 1) at a position (an integer from 0) of a seed's sequence: the upper 24 bits of the block's
 * first word over 2^24. 24 bits, because f32 then holds it exactly: every engine draws the same token.
 */
export function uniform(seed: bigint, position: number): number {
  return (randomBlock(seed, position)[0] >>> 8) / 2 ** 24;
}

/** A standard normal number at a position of a seed's sequence (Box-Muller, one of the pair). */
export function normal(seed: bigint, position: number): number {
  const [w0, w1] = randomBlock(seed, position);
  const radius = Math.sqrt(-2 * Math.log((w0 + 1) / 2 ** 32));
  return radius * Math.cos((2 * Math.PI * w1) / 2 ** 32);
}

/**
 * The seed of whatever bears this id in a run: the first 64 bits (little-endian) of SHA-256 over
 * `RUNSEED:ID` in UTF-8.
 */
export function seedFor(runSeed: number, id: string): bigint {
  return createHash('sha256').update(`${runSeed}:${id}`, 'utf8').digest().readBigUInt64LE(0);
}
