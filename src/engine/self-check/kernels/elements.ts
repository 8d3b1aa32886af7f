/**
 * What works element by element: the embedding, rotary positions, the gate, and taking the rows before
 * targets.
 */
import type { DecoderConfig } from '../../config.ts';
import type { KernelRun, Oracle } from './run.ts';

const embed: Oracle = (run) => {
  const { hiddenSize: width, embeddingScale } = run.config;
  const [firstRow, count] = run.call;
  const table = run.numbers(2);
  for (const [n, token] of run.rows.tokens.entries()) {
    if (token < firstRow || token >= firstRow + count) continue;
    for (let c = 0; c < width; c++) {
      run.expected(3)[n * width + c] = table[(token - firstRow) * width + c] * embeddingScale;
    }
  }
};

const embedBackward: Oracle = (run) => {
  const { hiddenSize: width, embeddingScale } = run.config;
  const [firstRow, count] = run.call;
  const [dx, gradient] = [run.numbers(3), run.expected(4)];
  gradient.set(run.numbers(4));
  for (const [n, token] of run.rows.tokens.entries()) {
    if (token < firstRow || token >= firstRow + count) continue;
    for (let c = 0; c < width; c++) {
      gradient[(token - firstRow) * width + c] += dx[n * width + c] * embeddingScale;
    }
  }
};

/**
 * The pairs that rotate together, of queries, keys and values: where they lie in (N, QKV), and in their own
 * matrix.
 */
function* pairs({ config, rows }: KernelRun) {
  const { heads, keyValueHeads, headSize } = config;
  const all = heads + 2 * keyValueHeads;
  for (const [n, position] of rows.positions.entries()) {
    for (let head = 0; head < all; head++) {
      const kind = head < heads ? 0 : head < heads + keyValueHeads ? 1 : 2;
      const own = [head, head - heads, head - heads - keyValueHeads][kind];
      const width = kind === 0 ? heads : keyValueHeads;
      for (let i = 0; i < headSize / 2; i++) {
        const joint = (n * all + head) * headSize + i;
        const apart = (n * width + own) * headSize + i;
        yield { kind, joint, apart, pair: position * headSize + 2 * i };
      }
    }
  }
}

const rope: Oracle = (run) => {
  const half = run.config.headSize / 2;
  const [ropeTable, x] = [run.numbers(3), run.numbers(4)];
  for (const { kind, joint, apart, pair } of pairs(run)) {
    const [cos, sin] = kind === 2 ? [1, 0] : [ropeTable[pair], ropeTable[pair + 1]];
    const to = run.expected(5 + kind);
    to[apart] = x[joint] * cos - x[joint + half] * sin;
    to[apart + half] = x[joint + half] * cos + x[joint] * sin;
  }
};

const ropeBackward: Oracle = (run) => {
  const half = run.config.headSize / 2;
  const ropeTable = run.numbers(2);
  const gradients = [3, 4, 5].map((binding) => run.numbers(binding));
  const to = run.expected(6);
  for (const { kind, joint, apart, pair } of pairs(run)) {
    const [cos, sin] = kind === 2 ? [1, 0] : [ropeTable[pair], ropeTable[pair + 1]];
    const dy = gradients[kind];
    to[joint] = dy[apart] * cos + dy[apart + half] * sin;
    to[joint + half] = dy[apart + half] * cos - dy[apart] * sin;
  }
};

function activate(x: number, activation: DecoderConfig['activation']): number {
  if (activation === 'silu') return x / (1 + Math.exp(-x));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** By central differences, which f32 cannot tell from the slope. */
function slope(x: number, activation: DecoderConfig['activation']): number {
  const step = 1e-5;
  return (activate(x + step, activation) - activate(x - step, activation)) / (2 * step);
}

const gate: Oracle = (run) => {
  const { intermediateSize: width, activation } = run.config;
  const x = run.numbers(1);
  for (let n = 0; n < run.rows.tokens.length; n++) {
    for (let c = 0; c < width; c++) {
      const at = n * 2 * width + c;
      run.expected(2)[n * width + c] = activate(x[at], activation) * x[at + width];
    }
  }
};

const gateBackward: Oracle = (run) => {
  const { intermediateSize: width, activation } = run.config;
  const [x, dy, dx] = [run.numbers(1), run.numbers(2), run.expected(3)];
  for (let n = 0; n < run.rows.tokens.length; n++) {
    for (let c = 0; c < width; c++) {
      const at = n * 2 * width + c;
      dx[at] = dy[n * width + c] * x[at + width] * slope(x[at], activation);
      dx[at + width] = dy[n * width + c] * activate(x[at], activation);
    }
  }
};

const takeTargets: Oracle = (run) => {
  const width = run.config.hiddenSize;
  const x = run.numbers(2);
  for (const [m, target] of run.rows.targets.entries()) {
    run.expected(3).set(x.subarray((target - 1) * width, target * width), m * width);
  }
};

const takeTargetsBackward: Oracle = (run) => {
  const width = run.config.hiddenSize;
  const dtaken = run.numbers(2);
  const dx = run.expected(3);
  dx.fill(0, 0, run.rows.tokens.length * width);
  for (const [m, target] of run.rows.targets.entries()) {
    dx.set(dtaken.subarray(m * width, (m + 1) * width), (target - 1) * width);
  }
};

export const elementOracles = {
  embed,
  'embed-backward': embedBackward,
  rope,
  'rope-backward': ropeBackward,
  gate,
  'gate-backward': gateBackward,
  'take-targets': takeTargets,
  'take-targets-backward': takeTargetsBackward,
};
