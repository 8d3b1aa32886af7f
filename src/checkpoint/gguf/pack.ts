/** GGUF's blocks in the words of engine/packed.ts: the same numbers, in another order of bits. */
import { blockWords, type PackedFormat, packedBits, packedFormats } from '../../engine/packed.ts';
import { halfAt, nibble } from './blocks.ts';

/** How engines pack numbers of a kind of GGUF, by its name; undefined where they do not. */
export function packedFormat(kind: string): PackedFormat | undefined {
  return packedFormats.find((format) => format.toUpperCase() === kind);
}

/** Whole blocks of GGUF, packed. */
export function pack(blocks: Uint8Array, format: PackedFormat): Uint32Array<ArrayBuffer> {
  const bits = packedBits[format];
  // Before the numbers: a scale in f16, and in q4_1 the least.
  const head = format === 'q4_1' ? 4 : 2;
  const numbers = bits === 4 ? eightAt : fourAt;
  const each = blockWords(format);
  const words = new Uint32Array((blocks.length / (head + 4 * bits)) * each);
  const scales = new Float32Array(words.buffer);
  for (let word = 0, at = 0; word < words.length; word += each, at += head + 4 * bits) {
    if (format === 'q4_1') words[word] = wordAt(blocks, at);
    else scales[word] = halfAt(blocks, at);
    for (let i = 0; i < bits; i++) words[word + 1 + i] = numbers(blocks, at + head, i);
  }
  return words;
}

/** The i-th eight numbers of 4 bits. */
function eightAt(bytes: Uint8Array, at: number, i: number): number {
  let word = 0;
  for (let n = 0; n < 8; n++) word |= nibble(bytes, at, 8 * i + n) << (4 * n);
  return word;
}

/** The i-th four numbers of 8 bits, each with its sign, and 128 more. */
function fourAt(bytes: Uint8Array, at: number, i: number): number {
  return wordAt(bytes, at + 4 * i) ^ 0x80808080;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
