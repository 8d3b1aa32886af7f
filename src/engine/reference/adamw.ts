/** AdamW (arXiv 1711.05101), as torch.optim.AdamW: weight decay apart from the gradient, on every tensor. */
import type { AdamWOptions } from '../engine.ts';

/**
 * One step over one tensor: returns the new weights, and updates m and v in place. All state is rounded to
 * f32, in which checkpoints keep it, so that a restored run continues bit for bit.
 */
export function adamW(
  tensors: {
    readonly weights: Float64Array;
    readonly gradient: Float64Array;
    readonly m: Float64Array;
    readonly v: Float64Array;
  },
  options: Omit<AdamWOptions, 'clipNorm'> & {
    /** Which step this is, from 1. */
    readonly step: number;
    /** Multiplies the gradient. */
    readonly gradientScale: number;
  },
): Float64Array {
  const { weights, gradient, m, v } = tensors;
  const { beta1, beta2, step, learningRate } = options;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  return weights.map((w, i) => {
    const g = gradient[i] * options.gradientScale;
    m[i] = Math.fround(beta1 * m[i] + (1 - beta1) * g);
    v[i] = Math.fround(beta2 * v[i] + (1 - beta2) * g * g);
    const direction = m[i] / correction1 / (Math.sqrt(v[i] / correction2) + options.epsilon);
    return Math.fround(w * (1 - learningRate * options.weightDecay) - learningRate * direction);
  });
}

/** The Euclidean norm over all tensors. */
export function globalNorm(tensors: Iterable<Float64Array>): number {
  let sum = 0;
  for (const tensor of tensors) for (const x of tensor) sum += x * x;
  return Math.sqrt(sum);
}
