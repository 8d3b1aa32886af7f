/** Logprobs tile by tile of the vocabulary, and their gradient; and tokens drawn. */

import { uniform } from '../../../random.ts';
import { choose } from '../../sampling/choose.ts';
import { spanColumns } from '../../webgpu/shape.ts';
import { checkedDraws } from '../cases.ts';
import { type KernelRun, type Oracle, softCap, softCapSlope } from './run.ts';

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
  const [columns] = run.call;
  const [inverses, masses] = [run.numbers(2), run.expected(3)];
  let span = 0;
  for (const [m, logits] of rowsOfLogits(run).entries()) {
    for (let first = 0; first < columns; first += spanColumns, span++) {
      const own = logits.subarray(first, first + spanColumns);
      const largest = own.reduce((a, b) => Math.max(a, b));
      const top = softCap(largest, logitCap);
      const mass = own.reduce((sum, x) => sum + Math.exp((softCap(x, logitCap) - top) * inverses[m]), 0);
      masses.set([largest, mass], 2 * span);
    }
  }
};

/** As `choose` draws; nothing is expected where f32 may draw a neighbor. */
const draw: Oracle = (run) => {
  const { logitCap } = run.config;
  const [inverses, drawn] = [run.numbers(2), run.expected(5)];
  const draws = checkedDraws(run.rows.targets.length);
  for (const [m, logits] of rowsOfLogits(run).entries()) {
    const row = logits.map((logit) => softCap(logit, logitCap));
    const { seed, position, topP, topK } = draws[m];
    const random = uniform(seed, position);
    const drawnWith = (near: number, mass: number) => {
      const kept = topP < 1 ? topP + mass : 1;
      const options = { temperature: 1 / inverses[m], topP: kept, topK };
      return choose(row, options, Math.min(Math.max(0, random + near), 1 - 2 ** -24));
    };
    const { token, logprob } = drawnWith(0, 0);
    const near = [1e-5, -1e-5].flatMap((a) => [1e-5, -1e-5].map((b) => drawnWith(a, b).token));
    if (near.some((other) => other !== token)) continue;
    const largest = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((sum, logit) => sum + Math.exp((logit - largest) * inverses[m]), 0);
    drawn.set([token, logprob, total], 4 * m);
  }
};

/** (M, vocabulary) of kernels that sample. */
function rowsOfLogits(run: KernelRun): Float64Array[] {
  const [columns] = run.call;
  const stride = Math.ceil(columns / 4) * 4;
  const logits = run.numbers(1);
  return Array.from(run.rows.targets, (_, m) => logits.subarray(m * stride, m * stride + columns));
}

export const headOracles = { logprob, 'logprob-backward': logprobBackward, 'span-masses': spanMasses, draw };
