/**
 * Kernels work on four numbers at once. A decoder of other sizes has zeros between its numbers on the device, which stay
 * zero: the gradient of each is a product with another zero. A head is padded half by half, as its halves rotate
 * together. Norms count the numbers that there are.
 */
import type { DecoderConfig, Projection } from '../config.ts';

/** A dimension in blocks of so many numbers, and how many each takes on the device. */
export interface Blocks {
  readonly size: number;
  readonly padded: number;
}

/** So many numbers in whole vec4. */
export function wholeVectors(count: number): number {
  return Math.ceil(count / 4) * 4;
}

/** Where a dimension's number lies on the device. */
export function paddedAt({ size, padded }: Blocks, index: number): number {
  return size === padded ? index : Math.floor(index / size) * padded + (index % size);
}

/** The dimensions of a decoder's weights; a head is two blocks. */
export interface Padding {
  readonly hidden: Blocks;
  readonly inner: Blocks;
  readonly halfHead: Blocks;
}

export function paddingOf({ hiddenSize, intermediateSize, headSize }: DecoderConfig): Padding {
  const whole = (size: number, multiple: number) => ({ size, padded: Math.ceil(size / multiple) * multiple });
  return {
    hidden: whole(hiddenSize, 4),
    inner: whole(intermediateSize, 4),
    halfHead: whole(headSize / 2, 2),
  };
}

/** The decoder's sizes on the device. */
export function paddedConfig(config: DecoderConfig): DecoderConfig {
  const { hidden, inner, halfHead } = paddingOf(config);
  return {
    ...config,
    ...{ hiddenSize: hidden.padded, intermediateSize: inner.padded, headSize: 2 * halfHead.padded },
  };
}

/** Of a projection's weight (output, input). */
export function projectionBlocks(
  { hidden, inner, halfHead }: Padding,
  projection: Projection,
): { readonly output: Blocks; readonly input: Blocks } {
  switch (projection) {
    case 'q_proj':
    case 'k_proj':
    case 'v_proj':
      return { output: halfHead, input: hidden };
    case 'o_proj':
      return { output: hidden, input: halfHead };
    case 'gate_proj':
    case 'up_proj':
      return { output: inner, input: hidden };
    case 'down_proj':
      return { output: hidden, input: inner };
  }
}
