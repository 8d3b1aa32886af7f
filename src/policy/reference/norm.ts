/** Gemma's RMS norm: y = x / sqrt(mean(x^2) + epsilon) * (1 + w), row by row. */

/** x (n, c), w (c) -> y (n, c). */
export function rmsNorm(x: Float64Array, w: Float64Array, epsilon: number): Float64Array {
  const c = w.length;
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += c) {
    const inverse = inverseRms(x, row, c, epsilon);
    for (let i = 0; i < c; i++) y[row + i] = x[row + i] * inverse * (1 + w[i]);
  }
  return y;
}

/** Returns dx (n, c) and adds to dw (c). */
export function rmsNormBackward(
  dy: Float64Array,
  x: Float64Array,
  w: Float64Array,
  dw: Float64Array,
  epsilon: number,
): Float64Array {
  const c = w.length;
  const dx = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += c) {
    const inverse = inverseRms(x, row, c, epsilon);
    let mean = 0;
    for (let i = 0; i < c; i++) {
      const normalized = x[row + i] * inverse;
      mean += dy[row + i] * (1 + w[i]) * normalized;
      dw[i] += dy[row + i] * normalized;
    }
    mean /= c;
    for (let i = 0; i < c; i++) {
      dx[row + i] = inverse * (dy[row + i] * (1 + w[i]) - x[row + i] * inverse * mean);
    }
  }
  return dx;
}

function inverseRms(x: Float64Array, row: number, c: number, epsilon: number): number {
  let sum = 0;
  for (let i = 0; i < c; i++) sum += x[row + i] * x[row + i];
  return 1 / Math.sqrt(sum / c + epsilon);
}
