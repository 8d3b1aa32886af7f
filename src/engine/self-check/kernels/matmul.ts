/** Matmuls over columns of wider matrices, biases, and their gradients. */
import { floatOf, type KernelRun, type Oracle } from './run.ts';

/** The `MatmulCall` of the three kernels: x is (M, input), y is (M, output), or their gradients. */
function sizes({ call, rows }: KernelRun) {
  const [input, output, xStride, xAt, yStride, yAt] = call.slice(0, 6).map((count) => 4 * count);
  const [overTargets, add, scale] = call.slice(6);
  return {
    ...{ input, output, xStride, xAt, yStride, yAt, add: add !== 0, scale: floatOf(scale) },
    m: overTargets === 0 ? rows.tokens.length : rows.targets.length,
  };
}

const matmul: Oracle = (run) => {
  const { input, output, xStride, xAt, yStride, yAt, add, scale, m } = sizes(run);
  const [x, w, before, y] = [run.numbers(1), run.numbers(2), run.numbers(3), run.expected(3)];
  for (let row = 0; row < m; row++) {
    for (let o = 0; o < output; o++) {
      let sum = 0;
      for (let i = 0; i < input; i++) sum += x[row * xStride + xAt + i] * w[o * input + i];
      const at = row * yStride + yAt + o;
      y[at] = scale * sum + (add ? before[at] : 0);
    }
  }
};

const matmulBackwardInput: Oracle = (run) => {
  const { input, output, xStride, xAt, yStride, yAt, add, scale, m } = sizes(run);
  const [dy, w, before, dx] = [run.numbers(1), run.numbers(2), run.numbers(3), run.expected(3)];
  for (let row = 0; row < m; row++) {
    for (let i = 0; i < input; i++) {
      let sum = 0;
      for (let o = 0; o < output; o++) sum += dy[row * yStride + yAt + o] * w[o * input + i];
      const at = row * xStride + xAt + i;
      dx[at] = scale * sum + (add ? before[at] : 0);
    }
  }
};

const matmulBackwardWeight: Oracle = (run) => {
  const { input, output, xStride, xAt, yStride, yAt, scale, m } = sizes(run);
  const [dy, x, before, dw] = [run.numbers(1), run.numbers(2), run.numbers(3), run.expected(3)];
  for (let o = 0; o < output; o++) {
    for (let i = 0; i < input; i++) {
      let sum = 0;
      for (let row = 0; row < m; row++) sum += dy[row * yStride + yAt + o] * x[row * xStride + xAt + i];
      dw[o * input + i] = before[o * input + i] + scale * sum;
    }
  }
};

const addBias: Oracle = (run) => {
  const width = 4 * run.call[0];
  const [bias, before] = [run.numbers(1), run.numbers(2)];
  for (let i = 0; i < run.rows.tokens.length * width; i++) run.expected(2)[i] = before[i] + bias[i % width];
};

const columnSums: Oracle = (run) => {
  const [width] = run.call;
  const dy = run.numbers(1);
  const partial = run.expected(2);
  const tokens = run.rows.tokens.length;
  partial.fill(0, 0, Math.ceil(tokens / run.chunk) * width);
  for (let n = 0; n < tokens; n++) {
    for (let c = 0; c < width; c++) partial[Math.floor(n / run.chunk) * width + c] += dy[n * width + c];
  }
};

const columnSumsReduce: Oracle = (run) => {
  const [width, at] = run.call;
  const [partial, before] = [run.numbers(1), run.numbers(2)];
  const chunks = Math.ceil(run.rows.tokens.length / run.chunk);
  for (let c = 0; c < width; c++) {
    let sum = before[at + c];
    for (let chunk = 0; chunk < chunks; chunk++) sum += partial[chunk * width + c];
    run.expected(2)[at + c] = sum;
  }
};

export const matmulOracles = {
  matmul,
  'matmul-backward-input': matmulBackwardInput,
  'matmul-backward-weight': matmulBackwardWeight,
  'add-bias': addBias,
  'column-sums': columnSums,
  'column-sums-reduce': columnSumsReduce,
};
