/** How a device keeps numbers: f32; or of frozen matrices bf16, two in a word, or packed blocks. */
import { toBytes, toFloat32Values } from '../../number-formats.ts';
import { blockNumbers, blockWords, type PackedFormat, packedFormats, unpack } from '../../packed.ts';

export type NumberFormat = 'f32' | 'bf16' | PackedFormat;

/** Bytes of a number, on an average over a block. */
export const numberBytes: Readonly<Record<NumberFormat, number>> = {
  ...{ f32: 4, bf16: 2 },
  ...{ q4_0: packedBytes('q4_0'), q4_1: packedBytes('q4_1'), q8_0: packedBytes('q8_0') },
};

function packedBytes(format: PackedFormat): number {
  return (4 * blockWords(format)) / blockNumbers;
}

export function isPacked(format: NumberFormat): format is PackedFormat {
  return packedFormats.some((packed) => packed === format);
}

/** Numbers, or the words of packed ones, as they are kept; a copy. */
export function toStored(values: Float32Array | Uint32Array, format: NumberFormat): Uint8Array<ArrayBuffer> {
  if (values instanceof Float32Array && format === 'bf16') return new Uint8Array(toBytes(values, 'BF16'));
  return new Uint8Array(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** The numbers that are kept, as f32. */
export function fromStored(bytes: Uint8Array<ArrayBuffer>, format: NumberFormat): Float32Array<ArrayBuffer> {
  if (isPacked(format)) return unpack(new Uint32Array(bytes.slice().buffer), format);
  return toFloat32Values(bytes, format === 'bf16' ? 'BF16' : 'F32');
}
