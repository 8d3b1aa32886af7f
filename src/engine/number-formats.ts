/**
 * The number formats of checkpoints, read as f32 and written from it. All of them are little-endian, as every
 * host is that Node runs on here.
 */

/** What safetensors calls the formats that weights come in. */
export const WEIGHT_DTYPES = ['F32', 'BF16', 'F16'] as const;
export type WeightDtype = (typeof WEIGHT_DTYPES)[number];

/** Whether Swirl reads numbers of this safetensors dtype. */
export function isWeightDtype(dtype: string): dtype is WeightDtype {
  return (WEIGHT_DTYPES as readonly string[]).includes(dtype);
}

/** Bytes per number of a safetensors dtype; undefined where Swirl does not read it. */
export function valueBytes(dtype: string): number | undefined {
  if (!isWeightDtype(dtype)) return undefined;
  return dtype === 'F32' ? 4 : 2;
}

/** Decodes whole numbers; exact in each format. The array is a new one. */
export function toFloat32Values(bytes: Uint8Array, dtype: WeightDtype): Float32Array<ArrayBuffer> {
  if (dtype === 'F32') {
    const values = new Float32Array(bytes.byteLength / 4);
    // Copied as bits: a typed array may not begin off its alignment, and NaNs keep their payload.
    new Uint8Array(values.buffer).set(bytes);
    return values;
  }
  const words = wordsOf(bytes);
  const values = new Float32Array(words.length);
  if (dtype === 'BF16') {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = words[i] << 16;
  } else {
    for (let i = 0; i < values.length; i++) values[i] = halfOf(words[i]);
  }
  return values;
}

/** Numbers as bf16: rounded to the nearest, ties to even. NaN stays NaN. */
export function toBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const rounded = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const kept = bits[i] >>> 16;
    const notANumber = (bits[i] & 0x7fffffff) > 0x7f800000;
    rounded[i] = notANumber ? kept | 0x40 : (bits[i] + 0x7fff + (kept & 1)) >>> 16;
  }
  return rounded;
}

/** The bytes of numbers in a format that is written: f32 to the bit, bf16 rounded. */
export function toBytes(values: Float32Array, dtype: 'F32' | 'BF16'): Uint8Array {
  const words = dtype === 'F32' ? values : toBfloat16(values);
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** Every binary16 number, by its bits; made when the first is asked for. */
let halves: Float32Array | undefined;

/** A binary16 number by its bits. */
export function halfOf(bits: number): number {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, each) => half(each));
  return halves[bits];
}

function wordsOf(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
