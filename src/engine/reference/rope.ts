/**
 * Rotary positions (arXiv 2104.09864) in the layout of Hugging Face checkpoints: element i of a head turns
 * with element i + headSize/2, by position * frequency i.
 */
import type { Rotation } from '../rope.ts';

/**
 * Turns x (n, heads * headSize) in place by positions (n); direction -1 is the backward pass, the transpose.
 */
export function rotate(
  x: Float64Array,
  positions: Int32Array,
  { frequencies, factor }: Rotation,
  direction: 1 | -1,
): void {
  const half = frequencies.length;
  const width = x.length / positions.length;
  for (let i = 0; i < half; i++) {
    for (let n = 0; n < positions.length; n++) {
      const angle = positions[n] * frequencies[i];
      const cos = factor * Math.cos(angle);
      const sin = direction * factor * Math.sin(angle);
      for (let at = n * width + i; at < (n + 1) * width; at += 2 * half) {
        const first = x[at];
        const second = x[at + half];
        x[at] = first * cos - second * sin;
        x[at + half] = second * cos + first * sin;
      }
    }
  }
}
