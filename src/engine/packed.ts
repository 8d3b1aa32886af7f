/**
 * Matrices that stay packed on a device, in blocks of 32 numbers of a row with a scale of their own, after the kinds of
 * ggml by the same names. A block is its scale in one word, and then its numbers in order, whole ones from 0 on, the
 * first of a word in its lowest bits: so that a kernel reads few words for many numbers.
 */
import { halfOf } from './number-formats.ts';

/**
 * `q4_0`: scale * (q - 8), of 4 bits. `q4_1`: scale * q + least, of 4 bits, where scale and least are the low and the high
 * half of the word, in f16. `q8_0`: scale * (q - 128), of 8 bits. Each scale but that of q4_1 is an f32.
 */
export const packedFormats = ['q4_0', 'q4_1', 'q8_0'] as const;
export type PackedFormat = (typeof packedFormats)[number];

/** How tensors are packed, by name. */
export type Packing = ReadonlyMap<string, PackedFormat>;

/** Numbers of a block. */
export const blockNumbers = 32;

/** Bits of a number in its block. */
export const packedBits = { q4_0: 4, q4_1: 4, q8_0: 8 } as const;

/** Words of a block. */
export function blockWords(format: PackedFormat): number {
  return 1 + packedBits[format];
}

/** The numbers of whole blocks as f32: those that kernels compute with, to the bit. */
export function unpack(words: Uint32Array, format: PackedFormat): Float32Array<ArrayBuffer> {
  const each = blockWords(format);
  const values = new Float32Array((words.length / each) * blockNumbers);
  const number = numberOf[format];
  const scales = new Float32Array(words.buffer, words.byteOffset, words.length);
  const bits = packedBits[format];
  const inWord = 32 / bits;
  for (let i = 0; i < values.length; i++) {
    const block = Math.floor(i / blockNumbers) * each;
    const word = words[block + 1 + Math.floor((i % blockNumbers) / inWord)];
    const q = (word >>> (bits * (i % inWord))) & (2 ** bits - 1);
    values[i] = number(q, scales[block], words[block]);
  }
  return values;
}

/** A number by what its block says of it; `scale` is the word as an f32. */
const numberOf: Readonly<Record<PackedFormat, (q: number, scale: number, word: number) => number>> = {
  q4_0: (q, scale) => scale * (q - 8),
  q4_1: (q, _, word) => Math.fround(halfOf(word & 0xffff) * q) + halfOf(word >>> 16),
  q8_0: (q, scale) => scale * (q - 128),
};
