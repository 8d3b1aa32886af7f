/** Norms: of the residual stream, of branches that join it, of heads; and their gradients. */
import type { KernelRun, Oracle } from './run.ts';

interface Row {
  readonly x: Float64Array;
  /** The row's first number. */
  readonly at: number;
  readonly w: Float64Array;
  readonly wAt: number;
  readonly width: number;
  /** How many of them a norm counts; the others are padding. */
  readonly count: number;
}

const rmsNorm: Oracle = (run) => {
  const width = run.config.hiddenSize;
  const [w, x] = [run.numbers(1), run.numbers(2)];
  for (let n = 0; n < run.rows.tokens.length; n++) {
    const row = { x, at: n * width, w, wAt: run.call[0] * width, width, count: run.normed.hidden };
    run.expected(3).set(normed(run, row), row.at);
    run.expected(4)[n] = inverseRms(run, row);
  }
};

const rmsNormBackward: Oracle = (run) => {
  const width = run.config.hiddenSize;
  const [w, dy, x, rstd, before] = [1, 2, 3, 4, 5].map((binding) => run.numbers(binding));
  for (let n = 0; n < run.rows.tokens.length; n++) {
    const row = { x, at: n * width, w, wAt: run.call[0] * width, width, count: run.normed.hidden };
    const dx = normBackward(run, row, dy, rstd[n]);
    for (let c = 0; c < width; c++) run.expected(5)[row.at + c] = before[row.at + c] + dx[c];
  }
};

const addNorm: Oracle = (run) => {
  const { hiddenSize: width, postNorms } = run.config;
  const [branchNorm, nextNorm] = run.call;
  const [w, x, branch] = [1, 2, 3].map((binding) => run.numbers(binding));
  const total = run.expected(4);
  for (let n = 0; n < run.rows.tokens.length; n++) {
    const at = n * width;
    const inner = { x: branch, at, w, wAt: branchNorm * width, width, count: run.normed.hidden };
    const joined = postNorms ? normed(run, inner) : branch.subarray(at, at + width);
    for (let c = 0; c < width; c++) total[at + c] = x[at + c] + joined[c];
    const next = { x: total, at, w, wAt: nextNorm * width, width, count: run.normed.hidden };
    run.expected(5).set(normed(run, next), at);
    run.expected(6)[n] = postNorms ? inverseRms(run, inner) : 1;
    run.expected(7)[n] = inverseRms(run, next);
  }
};

const addNormBackward: Oracle = (run) => {
  const { hiddenSize: width, postNorms } = run.config;
  const [branchNorm, nextNorm] = run.call;
  const [w, dy, total, branch, branchRstd, nextRstd, before] = [1, 2, 3, 4, 5, 6, 7].map((binding) =>
    run.numbers(binding),
  );
  const [stream, dbranch] = [run.expected(7), run.expected(8)];
  for (let n = 0; n < run.rows.tokens.length; n++) {
    const at = n * width;
    const next = { x: total, at, w, wAt: nextNorm * width, width, count: run.normed.hidden };
    const back = normBackward(run, next, dy, nextRstd[n]);
    for (let c = 0; c < width; c++) stream[at + c] = before[at + c] + back[c];
    const inner = { x: branch, at, w, wAt: branchNorm * width, width, count: run.normed.hidden };
    dbranch.set(
      postNorms ? normBackward(run, inner, stream, branchRstd[n]) : stream.subarray(at, at + width),
      at,
    );
  }
};

const headNorm: Oracle = (run) => {
  const [w, x] = [run.numbers(1), run.numbers(2)];
  for (const { row, kind, n, head } of heads(run, x, w)) {
    const { at, width } = row;
    if (kind === 'value') {
      run.expected(3).set(x.subarray(at, at + width), at);
      continue;
    }
    run.expected(3).set(normed(run, row), at);
    run.expected(4)[n * (run.config.heads + run.config.keyValueHeads) + head] = inverseRms(run, row);
  }
};

const headNormBackward: Oracle = (run) => {
  const [w, x, rstd, dy] = [1, 2, 3, 4].map((binding) => run.numbers(binding));
  for (const { row, kind, n, head } of heads(run, x, w)) {
    if (kind === 'value') continue;
    const scale = rstd[n * (run.config.heads + run.config.keyValueHeads) + head];
    run.expected(4).set(normBackward(run, row, dy, scale), row.at);
  }
};

const headNormWeightGradient: Oracle = (run) => {
  const [dy, x, rstd] = [1, 2, 3].map((binding) => run.numbers(binding));
  const partial = run.expected(4);
  const { headSize } = run.config;
  partial.fill(0, 0, Math.ceil(run.rows.tokens.length / run.chunk) * 2 * headSize);
  for (const { row, kind, n, head } of heads(run, x, new Float64Array())) {
    if (kind === 'value') continue;
    const scale = rstd[n * (run.config.heads + run.config.keyValueHeads) + head];
    const to = (Math.floor(n / run.chunk) * 2 + Number(kind === 'key')) * headSize;
    for (let i = 0; i < headSize; i++) partial[to + i] += dy[row.at + i] * x[row.at + i] * scale;
  }
};

const normWeightGradient: Oracle = (run) => {
  const width = run.config.hiddenSize;
  const [dy, x, rstd] = [1, 2, 3].map((binding) => run.numbers(binding));
  const tokens = run.rows.tokens.length;
  const chunks = Math.ceil(tokens / run.chunk);
  const partial = run.expected(4);
  partial.fill(0, run.call[0] * chunks * width, (run.call[0] + 1) * chunks * width);
  for (let n = 0; n < tokens; n++) {
    const to = (run.call[0] * chunks + Math.floor(n / run.chunk)) * width;
    for (let c = 0; c < width; c++) partial[to + c] += dy[n * width + c] * x[n * width + c] * rstd[n];
  }
};

const normWeightReduce: Oracle = (run) => {
  const { hiddenSize: width, layers, postNorms } = run.config;
  const [partial, before] = [run.numbers(1), run.numbers(2)];
  const chunks = Math.ceil(run.rows.tokens.length / run.chunk);
  for (let norm = 0; norm <= layers * (postNorms ? 4 : 2); norm++) {
    for (let c = 0; c < width; c++) {
      let sum = before[norm * width + c];
      for (let chunk = 0; chunk < chunks; chunk++) sum += partial[(norm * chunks + chunk) * width + c];
      run.expected(2)[norm * width + c] = sum;
    }
  }
};

export const normOracles = {
  'rms-norm': rmsNorm,
  'rms-norm-backward': rmsNormBackward,
  'add-norm': addNorm,
  'add-norm-backward': addNormBackward,
  'head-norm': headNorm,
  'head-norm-backward': headNormBackward,
  'head-norm-weight-gradient': headNormWeightGradient,
  'norm-weight-gradient': normWeightGradient,
  'norm-weight-reduce': normWeightReduce,
};

function inverseRms({ config }: KernelRun, { x, at, width, count }: Row): number {
  let squares = 0;
  for (let c = 0; c < width; c++) squares += x[at + c] ** 2;
  return 1 / Math.sqrt(squares / count + config.normEpsilon);
}

function normed(run: KernelRun, row: Row): Float64Array {
  const scale = inverseRms(run, row);
  return Float64Array.from(
    { length: row.width },
    (_, c) => row.x[row.at + c] * scale * (run.config.normOffset + row.w[row.wAt + c]),
  );
}

/** The gradient at x, given dy at the same place. */
function normBackward(run: KernelRun, row: Row, dy: Float64Array, scale: number): Float64Array {
  const { x, at, w, wAt, width, count } = row;
  const inner = Float64Array.from(
    { length: width },
    (_, c) => dy[at + c] * (run.config.normOffset + w[wAt + c]),
  );
  const mean = inner.reduce((sum, g, c) => sum + g * x[at + c], 0) / count;
  return inner.map((g, c) => scale * (g - x[at + c] * scale ** 2 * mean));
}

/**
 * Every head of every token in (N, queries then keys then values); norms' weights are the queries' and keys'
 * of a layer.
 */
function* heads(run: KernelRun, x: Float64Array, w: Float64Array) {
  const { heads, keyValueHeads, headSize: width } = run.config;
  const [layer = 0] = run.call;
  for (let n = 0; n < run.rows.tokens.length; n++) {
    for (let head = 0; head < heads + 2 * keyValueHeads; head++) {
      const kind = head < heads ? 'query' : head < heads + keyValueHeads ? 'key' : 'value';
      const at = (n * (heads + 2 * keyValueHeads) + head) * width;
      const wAt = (2 * layer + Number(kind === 'key')) * width;
      const row = { x, at, w, wAt, width, count: run.normed.head };
      yield { row, kind, n, head } as const;
    }
  }
}
