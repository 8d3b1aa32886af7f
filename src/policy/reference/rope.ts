/**
 * Rotary positions (arXiv 2104.09864) in the layout of Hugging Face checkpoints: element i of a head turns with
 * element i + headSize/2, by position * theta^(-2i/headSize).
 */

export interface RopeOptions {
  readonly headSize: number;
  readonly theta: number;
  /** -1 turns back: the transpose, which is the backward pass. */
  readonly direction: 1 | -1;
}

/** Turns x (n, heads * headSize) in place by positions (n). */
export function rotate(x: Float64Array, positions: Int32Array, options: RopeOptions): void {
  const { headSize, theta, direction } = options;
  const half = headSize / 2;
  const width = x.length / positions.length;
  for (let i = 0; i < half; i++) {
    const frequency = theta ** ((-2 * i) / headSize);
    for (let n = 0; n < positions.length; n++) {
      const angle = positions[n] * frequency;
      const cos = Math.cos(angle);
      const sin = direction * Math.sin(angle);
      for (let at = n * width + i; at < (n + 1) * width; at += headSize) {
        const first = x[at];
        const second = x[at + half];
        x[at] = first * cos - second * sin;
        x[at + half] = second * cos + first * sin;
      }
    }
  }
}
