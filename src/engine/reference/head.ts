/**
 * The head: logits (capped) from hidden states, and logprobs of given tokens. Its weight w (V, C) is
 * the embedding where the two are tied. It goes through the rows in blocks, so that memory stays at block *
 * vocabulary.
 */
import { linear, linearBackward } from './matmul.ts';

/** Rows per block. */
const block = 32;

/** hidden (n, C), w (V, C) -> capped logits (n, V). */
export function logits(hidden: Float64Array, w: Float64Array, n: number, cap: number | null): Float64Array {
  const y = linear(hidden, w, n);
  if (cap !== null) for (let i = 0; i < y.length; i++) y[i] = cap * Math.tanh(y[i] / cap);
  return y;
}

/** What logprobs are taken of. */
export interface HeadInputs {
  /** (M, C) */
  readonly hidden: Float64Array;
  /** (M) */
  readonly labels: Int32Array;
  /** (V, C) */
  readonly w: Float64Array;
  readonly cap: number | null;
  /** (M) what divides the capped logits; left out: 1. */
  readonly temperatures?: Float64Array | undefined;
}

/** Natural logprobs (M) of the labels. */
export function logprobsOf({ hidden, labels, w, cap, temperatures }: HeadInputs): Float64Array {
  const result = new Float64Array(labels.length);
  forBlocks(hidden, labels, (rows, ids, at) => {
    const y = logits(rows, w, ids.length, cap);
    const vocabulary = y.length / ids.length;
    for (let m = 0; m < ids.length; m++) {
      const row = y.subarray(m * vocabulary, (m + 1) * vocabulary);
      divide(row, temperatures?.[at + m] ?? 1);
      result[at + m] = row[ids[m]] - logSumExp(row);
    }
  });
  return result;
}

/**
 * The gradient of -sum_m advantages[m] * logprob[m]: returns dHidden (M, C) and adds to dw (V, C), where w is
 * trained.
 */
export function logprobsBackward(
  advantages: Float64Array,
  { hidden, labels, w, cap, temperatures }: HeadInputs,
  dw: Float64Array | undefined,
): Float64Array {
  const dHidden = new Float64Array(hidden.length);
  const c = hidden.length / labels.length;
  forBlocks(hidden, labels, (rows, ids, at) => {
    const y = logits(rows, w, ids.length, cap);
    const vocabulary = y.length / ids.length;
    for (let m = 0; m < ids.length; m++) {
      const row = y.subarray(m * vocabulary, (m + 1) * vocabulary);
      const temperature = temperatures?.[at + m] ?? 1;
      divide(row, temperature);
      const total = logSumExp(row);
      for (let v = 0; v < vocabulary; v++) {
        const slope = (cap === null ? 1 : 1 - ((row[v] * temperature) / cap) ** 2) / temperature;
        row[v] = advantages[at + m] * (Math.exp(row[v] - total) - (v === ids[m] ? 1 : 0)) * slope;
      }
    }
    dHidden.set(linearBackward(y, rows, w, dw, ids.length), at * c);
  });
  return dHidden;
}

function divide(row: Float64Array, temperature: number): void {
  if (temperature !== 1) for (let v = 0; v < row.length; v++) row[v] /= temperature;
}

/** log(sum(exp(row))), shifted by the largest. */
function logSumExp(row: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const x of row) largest = Math.max(largest, x);
  let sum = 0;
  for (const x of row) sum += Math.exp(x - largest);
  return largest + Math.log(sum);
}

function forBlocks(
  hidden: Float64Array,
  labels: Int32Array,
  visit: (rows: Float64Array, ids: Int32Array, at: number) => void,
): void {
  const c = hidden.length / Math.max(1, labels.length);
  for (let at = 0; at < labels.length; at += block) {
    const end = Math.min(at + block, labels.length);
    visit(hidden.subarray(at * c, end * c), labels.subarray(at, end), at);
  }
}
