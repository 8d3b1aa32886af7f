/**
 * Draws a token without reading a row of logits whole: a device weighs spans of the vocabulary (kernels/span-masses.wgsl),
 * and what is read are these masses and the logits of the spans that may hold the token. What it draws is what
 * `choose` draws from the row: only the mass of all tokens is a sum of f32 rather than of float64, so that the
 * logprob differs by what f32 rounds.
 */
import { type Choice, type ChooseOptions, checkTotal, drawn, truncate } from './choose.ts';

/** Columns of a span, but for the last of a piece of the head. */
export const spanColumns = 64;

/** Vocabularies of so many tokens are narrowed; of smaller ones reading a row costs less than asking twice. */
export const narrowFrom = 4096;

export interface Span {
  /** The first token. */
  readonly first: number;
  readonly columns: number;
}

export interface NarrowInput {
  readonly spans: readonly Span[];
  /** (spans) largest logit before the cap, and the sum of exp of what all are below it after cap and temperature. */
  readonly masses: Float32Array | Float64Array;
  readonly logitCap: number | null;
  readonly options: ChooseOptions;
  /** The random number, in [0, 1). */
  readonly u: number;
}

/** A span, by its place among all. */
export type SpanNumber = number;

/**
 * Yields the spans whose logits it needs, in ascending order, and is given them; returns the token. Throws `ModelError` where
 * the logits are not finite.
 */
export function* narrow(
  input: NarrowInput,
): Generator<readonly SpanNumber[], Choice, readonly (Float32Array | Float64Array)[]> {
  const { spans, options, u } = input;
  const row = new NarrowedRow(input);
  checkTotal(row.total);
  const { topK, topP, temperature } = options;
  if (temperature === 0) {
    const span = row.tops.indexOf(row.largest);
    const [logits] = yield [span];
    const at = logits.findIndex((logit) => row.capped(logit) === row.largest);
    return { token: spans[span].first + at, logprob: 0 };
  }
  if (topP === 1 && (topK === 0 || topK >= row.tokens)) {
    const span = drawn(row.masses, 0, u * row.total);
    let before = 0;
    for (let n = 0; n < span; n++) before += row.masses[n];
    const [logits] = yield [span];
    const masses = row.massesOf(logits);
    const index = drawn(masses, before, u * row.total);
    return { token: spans[span].first + index, logprob: Math.log(masses[index] / row.total) };
  }
  return yield* amongMostLikely(input, row);
}

/** With top-k or top-p: spans by their largest, until no token of one that was not read can be kept. */
function* amongMostLikely(
  { spans, options, u }: NarrowInput,
  row: NarrowedRow,
): Generator<readonly SpanNumber[], Choice, readonly (Float32Array | Float64Array)[]> {
  const order = [...spans.keys()].sort((a, b) => row.tops[b] - row.tops[a] || a - b);
  const known = new Map<SpanNumber, Float64Array>();
  for (let count = row.leastSpans(order, options); ; count *= 2) {
    // Of many, reading all at once is less work.
    const wanted = 4 * count > order.length ? order : order.slice(0, count);
    const missing = wanted.filter((span) => !known.has(span)).sort((a, b) => a - b);
    const found = yield missing;
    for (const [n, span] of missing.entries()) known.set(span, row.massesOf(found[n]));
    const next = order.at(wanted.length);
    const read = [...known.keys()].sort((a, b) => a - b);
    const masses = joined(read.map((span) => known.get(span) ?? new Float64Array()));
    if (next !== undefined) {
      // No token that was not read weighs more.
      const most = row.massOf(row.tops[next]);
      if (!enough(masses.filter((mass) => mass > most).sort(), options, row.total)) continue;
    }
    const kept = masses.slice();
    const index = drawn(kept, 0, u * truncate(kept, options, row.total));
    return {
      token: tokenAt(
        index,
        read.map((span) => spans[span]),
      ),
      logprob: Math.log(masses[index] / row.total),
    };
  }
}

/** The token with this index among those of spans. */
function tokenAt(index: number, spans: readonly Span[]): number {
  let before = 0;
  for (const { first, columns } of spans) {
    if (index < before + columns) return first + index - before;
    before += columns;
  }
  throw new RangeError(`expected an index below ${before}, found ${index}`);
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whether these (ascending), the most likely of a row, are all that top-k and top-p keep. */
function enough(sure: Float64Array, { topK, topP }: ChooseOptions, total: number): boolean {
  if (topK > 0) return sure.length >= topK;
  let mass = 0;
  for (let i = sure.length - 1; i >= 0 && mass < topP * total; i--) mass += sure[i];
  return mass >= topP * total;
}

/** What the masses of spans say of a row, in float64. */
class NarrowedRow {
  /** (spans) the largest logits after the cap, and the largest of all. */
  readonly tops: readonly number[];
  readonly largest: number;
  /** (spans) in parts of the largest token's. */
  readonly masses: Float64Array;
  /** The mass of all tokens. */
  readonly total: number;
  readonly tokens: number;
  readonly #temperature: number;
  readonly #cap: number | null;

  constructor({ spans, masses, logitCap, options }: NarrowInput) {
    this.#cap = logitCap;
    this.#temperature = options.temperature === 0 ? 1 : options.temperature;
    this.tokens = spans.reduce((sum, { columns }) => sum + columns, 0);
    this.tops = spans.map((_, n) => this.capped(masses[2 * n]));
    this.largest = this.tops.reduce((a, b) => Math.max(a, b));
    this.masses = Float64Array.from(this.tops, (top, n) => masses[2 * n + 1] * this.massOf(top));
    this.total = this.masses.reduce((a, b) => a + b, 0);
  }

  capped(logit: number): number {
    return this.#cap === null ? logit : this.#cap * Math.tanh(logit / this.#cap);
  }

  /** Of a token, by its logit after the cap. */
  massOf(logit: number): number {
    return Math.exp((logit - this.largest) / this.#temperature);
  }

  massesOf(logits: Float32Array | Float64Array): Float64Array {
    return Float64Array.from(logits, (logit) => this.massOf(this.capped(logit)));
  }

  /** How many of the spans in this order must be read at least. */
  leastSpans(order: readonly SpanNumber[], { topK, topP }: ChooseOptions): number {
    // Spans whose largest is no less than the k-th of these have k tokens that are no less.
    if (topK > 0) return Math.min(topK, order.length);
    let count = 0;
    let mass = 0;
    while (count < order.length && mass < topP * this.total) mass += this.masses[order[count++]];
    return Math.max(1, count);
  }
}
