/** Attention and its gradients, pair of tokens by pair of tokens. */
import { type KernelRun, type Oracle, softCap, softCapSlope } from './run.ts';

/**
 * Every query with its head and the keys that it sees, with their capped scores; places are first numbers of
 * heads.
 */
function* queries(run: KernelRun, q: Float64Array, k: Float64Array) {
  const { heads, keyValueHeads, headSize, attentionScale, attentionCap } = run.config;
  const [window] = run.call;
  for (const [n, position] of run.rows.positions.entries()) {
    const reach = window === 0 ? position : Math.min(position, window - 1);
    for (let head = 0; head < heads; head++) {
      const shared = Math.floor(head / (heads / keyValueHeads));
      const query = (n * heads + head) * headSize;
      const seen = Array.from({ length: reach + 1 }, (_, back) => {
        const key = ((n - back) * keyValueHeads + shared) * headSize;
        return { key, score: softCap(dot(q, query, k, key, headSize) * attentionScale, attentionCap) };
      });
      yield { query, stat: 2 * (n * heads + head), seen };
    }
  }
}

const attention: Oracle = (run) => {
  const { headSize } = run.config;
  const [q, k, v] = [1, 2, 3].map((binding) => run.numbers(binding));
  const [mixed, stats] = [run.expected(4), run.expected(5)];
  for (const { query, stat, seen } of queries(run, q, k)) {
    const greatest = Math.max(...seen.map(({ score }) => score));
    const total = seen.reduce((sum, { score }) => sum + Math.exp(score - greatest), 0);
    stats[stat] = greatest + Math.log(total);
    mixed.fill(0, query, query + headSize);
    for (const { key, score } of seen) {
      const weight = Math.exp(score - stats[stat]);
      for (let i = 0; i < headSize; i++) mixed[query + i] += weight * v[key + i];
    }
  }
};

const attentionBackwardQueries: Oracle = (run) => {
  const { headSize, attentionScale, attentionCap } = run.config;
  const [q, k, v, mixed, dmixed, stats] = [1, 2, 3, 4, 5, 6].map((binding) => run.numbers(binding));
  const [delta, dq] = [run.expected(6), run.expected(7)];
  for (const { query, stat, seen } of queries(run, q, k)) {
    delta[stat] = stats[stat];
    delta[stat + 1] = dot(dmixed, query, mixed, query, headSize);
    dq.fill(0, query, query + headSize);
    for (const { key, score } of seen) {
      const dweight = dot(dmixed, query, v, key, headSize) - delta[stat + 1];
      const dscore = Math.exp(score - stats[stat]) * dweight * softCapSlope(score, attentionCap);
      for (let i = 0; i < headSize; i++) dq[query + i] += dscore * attentionScale * k[key + i];
    }
  }
};

const attentionBackwardKeys: Oracle = (run) => {
  const { keyValueHeads, headSize, attentionScale, attentionCap } = run.config;
  const [q, k, v, dmixed, stats] = [1, 2, 3, 4, 5].map((binding) => run.numbers(binding));
  const [dk, dv] = [run.expected(6), run.expected(7)];
  for (const to of [dk, dv]) to.fill(0, 0, run.rows.tokens.length * keyValueHeads * headSize);
  for (const { query, stat, seen } of queries(run, q, k)) {
    for (const { key, score } of seen) {
      const weight = Math.exp(score - stats[stat]);
      const dweight = dot(dmixed, query, v, key, headSize) - stats[stat + 1];
      const dscore = weight * dweight * softCapSlope(score, attentionCap) * attentionScale;
      for (let i = 0; i < headSize; i++) {
        dk[key + i] += dscore * q[query + i];
        dv[key + i] += weight * dmixed[query + i];
      }
    }
  }
};

export const attentionOracles = {
  attention,
  'attention-backward-queries': attentionBackwardQueries,
  'attention-backward-keys': attentionBackwardKeys,
};

function dot(a: Float64Array, aAt: number, b: Float64Array, bAt: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[aAt + i] * b[bAt + i];
  return sum;
}
