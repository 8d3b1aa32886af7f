/** Packed numbers for checks. */
import { blockNumbers, blockWords, type PackedFormat } from '../packed.ts';

/** First words of blocks whose numbers are below 1: these bits, and any of the others. */
const scaleBits: Readonly<Record<PackedFormat, readonly [set: number, free: number]>> = {
  // 2^-7 to 2^-5, of either sign; the precision of f16.
  q4_0: [0x3c000000, 0x81ffe000],
  // As many, and from -1/8 to 1/8.
  q4_1: [0x20002000, 0x8fff8bff],
  // 2^-11 to 2^-9.
  q8_0: [0x3a000000, 0x81ffe000],
};

/** Random blocks for so many numbers. */
export function packedWords(format: PackedFormat, numbers: number): Uint32Array<ArrayBuffer> {
  const each = blockWords(format);
  const [set, free] = scaleBits[format];
  let state = 1;
  return new Uint32Array((numbers / blockNumbers) * each).map((_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const word = state ^ (state >>> 15);
    return i % each === 0 ? set | (word & free) : word;
  });
}
