/**
 * How kernels read `w`, their matrix of weights, in each format that it is kept in: `stored(i)` is the i-th four of its
 * numbers. Where many fours of a row share a scale, `scaleOf` and `scaled` are its two halves, for kernels that read the
 * scale once.
 */
import { blockWords, type PackedFormat, packedBits } from '../packed.ts';
import type { NumberFormat } from './memory/number-format.ts';

/** The text that a kernel needs which reads weights of this format. */
export function storedSource(format: NumberFormat): string {
  return `${sources[format]}
fn stored(i: u32) -> vec4f { return scaled(i, scaleOf(i)); }`;
}

/** Numbers that need no scale. */
function plain(stored: string, numbers: string): string {
  return `alias Stored = ${stored};
const PACKED = false;
alias Scale = u32;
fn scaleOf(i: u32) -> Scale { return 0; }
fn scaled(i: u32, scale: Scale) -> vec4f {
  let four = w[i];
  return ${numbers};
}`;
}

/**
 * Numbers of packed.ts: `scale` makes of a block's first `word` what its numbers are multiplied by, and what is added; the
 * products are exact, so that it makes no difference where they are rounded.
 */
function packed(format: PackedFormat, scale: string): string {
  const bits = packedBits[format];
  const block = `${blockWords(format)} * (i / 8)`;
  const shifts = [0, 1, 2, 3].map((n) => n * bits).join(', ');
  // In a word.
  const fours = 8 / bits;
  return `alias Stored = u32;
const PACKED = true;
alias Scale = vec2f;
fn scaleOf(i: u32) -> Scale {
  let word = w[${block}];
  return ${scale};
}
fn scaled(i: u32, scale: Scale) -> vec4f {
  let word = w[${block} + 1 + i % 8 / ${fours}] >> (${4 * bits} * (i % ${fours}));
  // Of signed integers, which become f32 in one step.
  let q = vec4i((vec4u(word) >> vec4u(${shifts})) & vec4u(${2 ** bits - 1}));
  return fma(vec4f(scale.x), vec4f(q), vec4f(scale.y));
}`;
}

/** Two f16. Small ones by hand: drivers may take those without a leading 1 for 0. */
const halves = `fn halves(word: u32) -> vec2f {
  let bits = vec2u(word & 0xffff, word >> 16);
  let small = vec2f(vec2i(bits & vec2u(0x3ff))) * 0x1p-24;
  let signed = select(small, -small, bits >= vec2u(0x8000));
  return select(unpack2x16float(word), signed, (bits & vec2u(0x7c00)) == vec2u());
}`;

const sources: Readonly<Record<NumberFormat, string>> = {
  f32: plain('vec4f', 'four'),
  // The upper half of an f32, the first in the low word.
  bf16: plain(
    'vec2u',
    'bitcast<vec4f>(vec4u(four.x << 16, four.x & 0xffff0000, four.y << 16, four.y & 0xffff0000))',
  ),
  q4_0: packed('q4_0', 'bitcast<f32>(word) * vec2f(1, -8)'),
  q4_1: `${halves}\n${packed('q4_1', 'halves(word)')}`,
  q8_0: packed('q8_0', 'bitcast<f32>(word) * vec2f(1, -128)'),
};
