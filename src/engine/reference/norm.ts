/** RMS norm (arXiv 1910.07467): y = x / sqrt(mean(x^2) + epsilon) * (offset + w), row by row. */

export interface NormShape {
  readonly epsilon: number;
  /** 1 in Gemma, whose weights are kept less 1; else 0. */
  readonly offset: 0 | 1;
}

/** x (n, c), w (c) -> y (n, c). */
export function rmsNorm(
  x: Float64Array,
  w: Float64Array,
  { epsilon, offset }: NormShape,
): Float64Array<ArrayBuffer> {
  const c = w.length;
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += c) {
    const inverse = inverseRms(x, row, c, epsilon);
    for (let i = 0; i < c; i++) y[row + i] = x[row + i] * inverse * (offset + w[i]);
  }
  return y;
}

/** Returns dx (n, c) and adds to dw (c), where w is trained. */
export function rmsNormBackward(
  dy: Float64Array,
  inputs: { readonly x: Float64Array; readonly w: Float64Array },
  dw: Float64Array | undefined,
  { epsilon, offset }: NormShape,
): Float64Array<ArrayBuffer> {
  const { x, w } = inputs;
  const c = w.length;
  const dx = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += c) {
    const inverse = inverseRms(x, row, c, epsilon);
    let mean = 0;
    for (let i = 0; i < c; i++) {
      const normalized = x[row + i] * inverse;
      mean += dy[row + i] * (offset + w[i]) * normalized;
      if (dw) dw[i] += dy[row + i] * normalized;
    }
    mean /= c;
    for (let i = 0; i < c; i++) {
      dx[row + i] = inverse * (dy[row + i] * (offset + w[i]) - x[row + i] * inverse * mean);
    }
  }
  return dx;
}

function inverseRms(x: Float64Array, row: number, c: number, epsilon: number): number {
  let sum = 0;
  for (let i = 0; i < c; i++) sum += x[row + i] * x[row + i];
  return 1 / Math.sqrt(sum / c + epsilon);
}
