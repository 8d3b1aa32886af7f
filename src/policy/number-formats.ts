/** The number formats of checkpoints, read as f32. All of them are little-endian in files. */

const widths: ReadonlyMap<string, number> = new Map([
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
]);

/** Bytes per number of a safetensors dtype; undefined where Swirl does not read it. */
export function valueBytes(dtype: string): number | undefined {
  return widths.get(dtype);
}

/** Decodes whole numbers of a dtype that `valueBytes` knows; exact for each of them. */
export function toFloat32Values(bytes: Uint8Array, dtype: string): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.byteLength / (valueBytes(dtype) ?? 1));
  if (dtype === 'F32') {
    // Copied as bits: a typed array may not begin off its alignment, and NaNs keep their payload.
    new Uint8Array(values.buffer).set(bytes);
  } else if (dtype === 'BF16') {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  } else {
    for (let i = 0; i < values.length; i++) values[i] = half(view.getUint16(2 * i, true));
  }
  return values;
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

/** Numbers as bf16: rounded to the nearest, ties to even. NaN stays NaN. */
export function toBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const rounded = new Uint16Array(values.length);
  const copy = Float32Array.from(values);
  const bits = new Uint32Array(copy.buffer);
  for (let i = 0; i < bits.length; i++) {
    const kept = bits[i] >>> 16;
    const isNaN = (bits[i] & 0x7fffffff) > 0x7f800000;
    rounded[i] = isNaN ? kept | 0x40 : (bits[i] + 0x7fff + (kept & 1)) >>> 16;
  }
  return rounded;
}
