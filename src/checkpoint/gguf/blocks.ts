/**
 * GGUF's number formats, read as f32. A quantized row is a sequence of blocks, each with scales of its own; what
 * a block means is ggml's definition (ggml-common.h), and every product and difference is rounded to f32 as
 * there, so that values are those of other readers to the bit.
 */
import { halfOf, toFloat32Values, type WeightDtype } from '../../engine/number-formats.ts';

export interface BlockKind {
  readonly name: string;
  /** How many numbers a block holds, and in how many bytes. */
  readonly values: number;
  readonly bytes: number;
  /** Decodes whole blocks into `to`, which has room for them. */
  read(blocks: Uint8Array, to: Float32Array): void;
}

const f32 = Math.fround;

function plain(name: WeightDtype, bytes: number): BlockKind {
  return { name, values: 1, bytes, read: (blocks, to) => to.set(toFloat32Values(blocks, name)) };
}

/** A block's numbers, one after the other; `at` is its first byte, `out` where its numbers go. */
type ReadBlock = (block: Uint8Array, at: number, to: Float32Array, out: number) => void;

function quantized(name: string, values: number, bytes: number, one: ReadBlock): BlockKind {
  return {
    name,
    values,
    bytes,
    read(blocks, to) {
      const count = blocks.length / bytes;
      for (let i = 0; i < count; i++) one(blocks, i * bytes, to, i * values);
    },
  };
}

/** A binary16 number that lies at any byte. */
export const halfAt = (bytes: Uint8Array, at: number) => halfOf(bytes[at] | (bytes[at + 1] << 8));

/** 32 numbers: the low half bytes are the first 16, the high ones the others. */
export const nibble = (bytes: Uint8Array, at: number, i: number) =>
  (bytes[at + (i & 15)] >> (i & 16 ? 4 : 0)) & 15;
/** One bit for each of 32 numbers. */
const fifth = (bytes: Uint8Array, at: number, i: number) => ((bytes[at + (i >> 3)] >> (i & 7)) & 1) << 4;

const q4_0: ReadBlock = (block, at, to, out) => {
  const d = halfAt(block, at);
  for (let i = 0; i < 32; i++) to[out + i] = d * (nibble(block, at + 2, i) - 8);
};

const q4_1: ReadBlock = (block, at, to, out) => {
  const [d, m] = [halfAt(block, at), halfAt(block, at + 2)];
  for (let i = 0; i < 32; i++) to[out + i] = f32(d * nibble(block, at + 4, i)) + m;
};

const q5_0: ReadBlock = (block, at, to, out) => {
  const d = halfAt(block, at);
  for (let i = 0; i < 32; i++) to[out + i] = d * ((nibble(block, at + 6, i) | fifth(block, at + 2, i)) - 16);
};

const q5_1: ReadBlock = (block, at, to, out) => {
  const [d, m] = [halfAt(block, at), halfAt(block, at + 2)];
  for (let i = 0; i < 32; i++)
    to[out + i] = f32(d * (nibble(block, at + 8, i) | fifth(block, at + 4, i))) + m;
};

const q8_0: ReadBlock = (block, at, to, out) => {
  const d = halfAt(block, at);
  for (let i = 0; i < 32; i++) to[out + i] = d * ((block[at + 2 + i] << 24) >> 24);
};

// The K kinds: 256 numbers a block, in groups of 16 or 32 with small scales under one or two of the block's.

/** Scales of 4 bits (low) and minimums of 4 bits (high) a group of 16; numbers of 2 bits. */
const q2K: ReadBlock = (block, at, to, out) => {
  const [d, least] = [halfAt(block, at + 80), halfAt(block, at + 82)];
  for (let i = 0; i < 256; i++) {
    const scales = block[at + (i >> 4)];
    const q = (block[at + 16 + ((i >> 7) << 5) + (i & 31)] >> ((i >> 4) & 6)) & 3;
    to[out + i] = f32(f32(d * (scales & 15)) * q) - f32(least * (scales >> 4));
  }
};

/** Scales of 6 bits, less 32, a group of 16; numbers of 2 bits and a third, which where it is 0 takes 4. */
const q3K: ReadBlock = (block, at, to, out) => {
  const d = halfAt(block, at + 108);
  for (let i = 0; i < 256; i++) {
    const group = i >> 4;
    const low = (block[at + 96 + (group & 7)] >> (group & 8 ? 4 : 0)) & 15;
    const high = (block[at + 104 + (group & 3)] >> ((group >> 2) * 2)) & 3;
    const scale = (low | (high << 4)) - 32;
    const third = (block[at + (i & 31)] >> (i >> 5)) & 1;
    const q = ((block[at + 32 + ((i >> 7) << 5) + (i & 31)] >> ((i >> 4) & 6)) & 3) - (third ? 0 : 4);
    to[out + i] = f32(d * scale) * q;
  }
};

/** The scale and the minimum of a group of 32, 6 bits each, in the 12 bytes that Q4_K and Q5_K have them in. */
function sixBits(block: Uint8Array, at: number, group: number): readonly [number, number] {
  if (group < 4) return [block[at + group] & 63, block[at + 4 + group] & 63];
  const [scales, minimums, low] = [block[at + group - 4], block[at + group], block[at + 4 + group]];
  return [(low & 15) | ((scales >> 6) << 4), (low >> 4) | ((minimums >> 6) << 4)];
}

const q4K: ReadBlock = (block, at, to, out) => {
  const [d, least] = [halfAt(block, at), halfAt(block, at + 2)];
  for (let group = 0; group < 8; group++) {
    const [scale, minimum] = sixBits(block, at + 4, group);
    const [by, less] = [f32(d * scale), f32(least * minimum)];
    const from = at + 16 + (group >> 1) * 32;
    const shift = group & 1 ? 4 : 0;
    for (let i = 0; i < 32; i++)
      to[out + group * 32 + i] = f32(by * ((block[from + i] >> shift) & 15)) - less;
  }
};

const q5K: ReadBlock = (block, at, to, out) => {
  const [d, least] = [halfAt(block, at), halfAt(block, at + 2)];
  for (let group = 0; group < 8; group++) {
    const [scale, minimum] = sixBits(block, at + 4, group);
    const [by, less] = [f32(d * scale), f32(least * minimum)];
    const from = at + 48 + (group >> 1) * 32;
    const shift = group & 1 ? 4 : 0;
    for (let i = 0; i < 32; i++) {
      const q = ((block[from + i] >> shift) & 15) | (((block[at + 16 + i] >> group) & 1) << 4);
      to[out + group * 32 + i] = f32(by * q) - less;
    }
  }
};

/** Scales of 8 bits with their sign a group of 16; numbers of 4 bits and 2 more, less 32. */
const q6K: ReadBlock = (block, at, to, out) => {
  const d = halfAt(block, at + 208);
  for (let i = 0; i < 256; i++) {
    const half = i >> 7;
    const quarter = (i >> 5) & 3;
    const low = (block[at + half * 64 + (i & 63)] >> (i & 64 ? 4 : 0)) & 15;
    const high = (block[at + 128 + half * 32 + (i & 31)] >> (quarter * 2)) & 3;
    const scale = (block[at + 192 + (i >> 4)] << 24) >> 24;
    to[out + i] = f32(d * scale) * ((low | (high << 4)) - 32);
  }
};

/** The kinds of numbers that are read, by GGUF's number of them. */
export const BLOCK_KINDS: ReadonlyMap<number, BlockKind> = new Map([
  [0, plain('F32', 4)],
  [1, plain('F16', 2)],
  [2, quantized('Q4_0', 32, 18, q4_0)],
  [3, quantized('Q4_1', 32, 20, q4_1)],
  [6, quantized('Q5_0', 32, 22, q5_0)],
  [7, quantized('Q5_1', 32, 24, q5_1)],
  [8, quantized('Q8_0', 32, 34, q8_0)],
  [10, quantized('Q2_K', 256, 84, q2K)],
  [11, quantized('Q3_K', 256, 110, q3K)],
  [12, quantized('Q4_K', 256, 144, q4K)],
  [13, quantized('Q5_K', 256, 176, q5K)],
  [14, quantized('Q6_K', 256, 210, q6K)],
  [30, plain('BF16', 2)],
]);
