/** Logprobs tile by tile of the vocabulary, and their gradient. */
import { spanColumns } from '../../sampling/narrow.ts';
import { type Oracle, softCap, softCapSlope } from './run.ts';

const logprob: Oracle = (run) => {
  const { logitCap } = run.config;
  const [first, columns, stride] = run.call;
  const [logits, before, inverses] = [run.numbers(3), run.numbers(4), run.numbers(6)];
  const [running, logprobs] = [run.expected(4), run.expected(5)];
  for (const [m, target] of run.rows.targets.entries()) {
    const scale = inverses[m];
    const tile = Array.from({ length: columns }, (_, c) => softCap(logits[m * stride + c], logitCap) * scale);
    let [greatest, sum, own] =
      first === 0 ? [Number.NEGATIVE_INFINITY, 0, 0] : before.slice(4 * m, 4 * m + 3);
    const higher = Math.max(greatest, ...tile);
    sum = tile.reduce((total, logit) => total + Math.exp(logit - higher), sum * Math.exp(greatest - higher));
    greatest = higher;
    own = tile[run.rows.tokens[target] - first] ?? own;
    const logSum = greatest + Math.log(sum);
    running.set([greatest, sum, own, logSum], 4 * m);
    logprobs[m] = own - logSum;
  }
};

const logprobBackward: Oracle = (run) => {
  const { logitCap } = run.config;
  const [first, columns, stride] = run.call;
  const [advantages, running, before, inverses] = [3, 4, 5, 6].map((binding) => run.numbers(binding));
  for (const [m, target] of run.rows.targets.entries()) {
    for (let c = 0; c < stride; c++) {
      const capped = softCap(before[m * stride + c], logitCap);
      const hit = Number(run.rows.tokens[target] === first + c);
      const slope = softCapSlope(capped, logitCap) * inverses[m];
      run.expected(5)[m * stride + c] =
        c < columns ? advantages[m] * (Math.exp(capped * inverses[m] - running[4 * m + 3]) - hit) * slope : 0;
    }
  }
};

const spanMasses: Oracle = (run) => {
  const { logitCap } = run.config;
  const [columns, stride4, firstSpan, spans] = run.call;
  const [logits, inverses, masses] = [run.numbers(1), run.numbers(2), run.expected(3)];
  for (const m of run.rows.targets.keys()) {
    for (let first = 0, span = firstSpan; first < columns; first += spanColumns, span++) {
      const at = 4 * m * stride4;
      const own = logits.subarray(at + first, at + Math.min(first + spanColumns, columns));
      const largest = own.reduce((a, b) => Math.max(a, b));
      const top = softCap(largest, logitCap);
      const mass = own.reduce((sum, x) => sum + Math.exp((softCap(x, logitCap) - top) * inverses[m]), 0);
      masses.set([largest, mass], 2 * (m * spans + span));
    }
  }
};

export const headOracles = { logprob, 'logprob-backward': logprobBackward, 'span-masses': spanMasses };
