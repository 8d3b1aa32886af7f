/**
 * Causal attention with grouped queries, a soft cap on the scores and a sliding window. A token at position p
 * sees the keys of its own row at positions max(0, p - window + 1) .. p.
 */

export interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** Multiplies the dot products. */
  readonly scale: number;
  readonly cap: number | null;
  /** How many positions a token sees, itself included; Infinity: all before it. */
  readonly window: number;
}

/** Where each token stands, and where its row's keys lie. */
export interface AttentionRows {
  /** (n) position in the row. */
  readonly positions: Int32Array;
  /** (n) index, in keys and values, of the entry of position 0 of the token's row; with a ring, its slot. */
  readonly bases: Int32Array;
  /**
   * Entries of each slot of a cache: position p is in entry slot * ring + p % ring. Without one, in base + p.
   */
  readonly ring?: number;
}

/** The entry, in keys and values, of a position of the row that token n is in. */
export function entryOf({ bases, ring }: AttentionRows, n: number, position: number): number {
  return ring === undefined ? bases[n] + position : bases[n] * ring + (position % ring);
}

/** q (n, heads * headSize), keys and values (entries, keyValueHeads * headSize) -> (n, heads * headSize). */
export function attention(
  q: Float64Array,
  keys: Float64Array,
  values: Float64Array,
  rows: AttentionRows,
  shape: AttentionShape,
): Float64Array {
  const { heads, headSize } = shape;
  const out = new Float64Array(q.length);
  const width = shape.keyValueHeads * headSize;
  for (let n = 0; n < rows.positions.length; n++) {
    for (let head = 0; head < heads; head++) {
      const { first, probabilities } = attend(q, keys, n, head, rows, shape);
      const to = (n * heads + head) * headSize;
      for (let j = 0; j < probabilities.length; j++) {
        const from = entryOf(rows, n, first + j) * width + keyValueHead(head, shape) * headSize;
        for (let i = 0; i < headSize; i++) out[to + i] += probabilities[j] * values[from + i];
      }
    }
  }
  return out;
}

/** The backward pass, from dOut (n, heads * headSize); the probabilities are computed again. */
export function attentionBackward(
  dOut: Float64Array,
  inputs: { readonly q: Float64Array; readonly keys: Float64Array; readonly values: Float64Array },
  rows: AttentionRows,
  shape: AttentionShape,
): { readonly dq: Float64Array; readonly dKeys: Float64Array; readonly dValues: Float64Array } {
  const { q, keys, values } = inputs;
  const { heads, headSize, scale, cap } = shape;
  const width = shape.keyValueHeads * headSize;
  const dq = new Float64Array(q.length);
  const dKeys = new Float64Array(keys.length);
  const dValues = new Float64Array(values.length);
  for (let n = 0; n < rows.positions.length; n++) {
    for (let head = 0; head < heads; head++) {
      const { first, probabilities, scores } = attend(q, keys, n, head, rows, shape);
      const at = (n * heads + head) * headSize;
      const entry = (j: number) => entryOf(rows, n, first + j) * width + keyValueHead(head, shape) * headSize;
      const dProbabilities = new Float64Array(probabilities.length);
      let mean = 0;
      for (let j = 0; j < probabilities.length; j++) {
        const from = entry(j);
        for (let i = 0; i < headSize; i++) {
          dProbabilities[j] += dOut[at + i] * values[from + i];
          dValues[from + i] += dOut[at + i] * probabilities[j];
        }
        mean += probabilities[j] * dProbabilities[j];
      }
      for (let j = 0; j < probabilities.length; j++) {
        const slope = cap === null ? 1 : 1 - (scores[j] / cap) ** 2;
        const dDot = probabilities[j] * (dProbabilities[j] - mean) * slope * scale;
        const from = entry(j);
        for (let i = 0; i < headSize; i++) {
          dq[at + i] += dDot * keys[from + i];
          dKeys[from + i] += dDot * q[at + i];
        }
      }
    }
  }
  return { dq, dKeys, dValues };
}

function keyValueHead(head: number, shape: AttentionShape): number {
  return Math.floor((head * shape.keyValueHeads) / shape.heads);
}

/** The capped scores and their softmax, of one token and head, for positions first, first + 1, ... */
function attend(
  q: Float64Array,
  keys: Float64Array,
  n: number,
  head: number,
  rows: AttentionRows,
  shape: AttentionShape,
): { readonly first: number; readonly scores: Float64Array; readonly probabilities: Float64Array } {
  const { heads, headSize, scale, cap, window } = shape;
  const position = rows.positions[n];
  const first = Math.max(0, position - window + 1);
  const width = shape.keyValueHeads * headSize;
  const scores = new Float64Array(position - first + 1);
  const at = (n * heads + head) * headSize;
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < scores.length; j++) {
    const from = entryOf(rows, n, first + j) * width + keyValueHead(head, shape) * headSize;
    let dot = 0;
    for (let i = 0; i < headSize; i++) dot += q[at + i] * keys[from + i];
    scores[j] = cap === null ? dot * scale : cap * Math.tanh((dot * scale) / cap);
    largest = Math.max(largest, scores[j]);
  }
  const probabilities = new Float64Array(scores.length);
  let sum = 0;
  for (let j = 0; j < scores.length; j++) {
    probabilities[j] = Math.exp(scores[j] - largest);
    sum += probabilities[j];
  }
  for (let j = 0; j < scores.length; j++) probabilities[j] /= sum;
  return { first, scores, probabilities };
}
