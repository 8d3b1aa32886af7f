/** The gradient's norm, and the update. */
import type { Oracle } from './run.ts';

const squareSums: Oracle = (run) => {
  const [length, each, first] = run.call;
  const gradient = run.numbers(0);
  for (let i = 0; i < length; i += each) {
    const part = gradient.subarray(i, Math.min(i + each, length));
    run.expected(1)[first + i / each] = part.reduce((sum, g) => sum + g * g, 0);
  }
};

const gradientNorm: Oracle = (run) => {
  const partials = run.numbers(0).subarray(0, run.call[0]);
  run.expected(1)[0] = Math.sqrt(partials.reduce((sum, part) => sum + part, 0));
};

const adamw: Oracle = (run) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, clipNorm } = run.adamW;
  const [norm, weights, gradient, m, v] = [1, 2, 3, 4, 5].map((binding) => run.numbers(binding));
  for (let i = 0; i < run.call[0]; i++) {
    const g = gradient[i] * Math.min(1, clipNorm / norm[0]);
    const first = beta1 * m[i] + (1 - beta1) * g;
    const second = beta2 * v[i] + (1 - beta2) * g * g;
    const direction = first / (1 - beta1) / (Math.sqrt(second / (1 - beta2)) + epsilon);
    run.expected(2)[i] = weights[i] * (1 - learningRate * weightDecay) - learningRate * direction;
    run.expected(3)[i] = 0;
    run.expected(4)[i] = first;
    run.expected(5)[i] = second;
  }
};

export const optimizerOracles = { 'square-sums': squareSums, 'gradient-norm': gradientNorm, adamw };
