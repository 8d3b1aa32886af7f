/**
 * Draws one token from a row of logits: temperature, then the topK most likely, then of those the most likely
 * up to mass topP, each time renormalized (the order of transformers' warpers). Given the same logits and the
 * same random number, a device draws the same token (kernels/draw.wgsl), but where f32 rounds a number over the edge
 * of a token's share.
 *
 * One pass or a few over the vocabulary: only tokens that may be kept are sorted.
 */

import { ModelError } from '../../errors.ts';

export interface ChooseOptions {
  /** Divides the logits; 0 takes the most likely token (the lowest id among equals). */
  readonly temperature: number;
  /** Most likely tokens up to this mass, at least one; 1 keeps all. */
  readonly topP: number;
  /** How many most likely tokens; 0 keeps all. */
  readonly topK: number;
}

export interface Choice {
  readonly token: number;
  /**
   * Natural logprob under the softmax of the logits divided by the temperature, of all tokens: what the
   * trainer can compute again. Less than under the distribution drawn from where topK or topP left tokens
   * out; 0 when greedy.
   */
  readonly logprob: number;
}

/**
 * The token whose share of [0, 1), laid out in the order of ids, contains the random number u. `logits` (V)
 * are after the cap; they are not changed. `masses` (V) is written over: who draws often has one. Throws
 * `ModelError` where the logits are not finite.
 */
export function choose(
  logits: Float32Array | Float64Array,
  options: ChooseOptions,
  u: number,
  masses = new Float64Array(logits.length),
): Choice {
  const best = mostLikely(logits);
  const largest = logits[best];
  if (options.temperature === 0 && Number.isFinite(largest)) return { token: best, logprob: 0 };
  let total = 0;
  for (let token = 0; token < logits.length; token++) {
    masses[token] = Math.exp((logits[token] - largest) / options.temperature);
    total += masses[token];
  }
  checkTotal(total);
  const whole = total;
  if ((options.topK > 0 && options.topK < masses.length) || options.topP < 1)
    total = truncate(masses, options, total);
  const token = drawn(masses, u * total);
  return { token, logprob: Math.log(masses[token] / whole) };
}

/** Throws `ModelError` where the mass of all tokens is not finite. */
export function checkTotal(total: number): void {
  if (Number.isFinite(total)) return;
  throw new ModelError(`expected finite logits, found a sum of ${total}: the policy's weights are broken`);
}

/** The first index at which the masses in order exceed a mass; otherwise the last that weighs anything. */
function drawn(masses: Float64Array, mass: number): number {
  let last = 0;
  let sum = 0;
  for (let index = 0; index < masses.length; index++) {
    if (masses[index] === 0) continue;
    sum += masses[index];
    last = index;
    if (sum > mass) break;
  }
  return last;
}

/** The most likely token, the lowest id among equals. */
function mostLikely(logits: Float32Array | Float64Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token] > logits[best]) best = token;
  return best;
}

/**
 * Sets what is not kept to 0 and returns the mass that is left. `total` is that of all, in the order of ids.
 */
function truncate(masses: Float64Array, { topK, topP }: ChooseOptions, total: number): number {
  const most = topK > 0 ? Math.min(topK, masses.length) : masses.length;
  // The mass of the topK most likely is known when they all are.
  const enough = (counted: number, mass: number) => (topK > 0 ? counted >= most : mass >= topP * total);
  for (const sorted of mostLikelyMasses(masses, enough)) {
    const whole = topK > 0 ? sum(sorted.subarray(0, most)) : total;
    let kept = 0;
    let count = 0;
    while (count < Math.min(most, sorted.length) && (count === 0 || kept < topP * whole)) {
      kept += sorted[count++];
    }
    // Where sums in other orders differ by a rounding, the next tokens may be wanted as well.
    if (count === sorted.length && count < most && kept < topP * whole) continue;
    keep(masses, sorted.subarray(0, count));
    return kept;
  }
  throw new Error('the last of the sorted masses are all of them');
}

/** Below this many tokens all are sorted. */
const few = 1024;
/**
 * The upper 16 bits of a float64 in [0, 1]: its exponent and four bits. They are in the order of the numbers.
 */
const buckets = 0x3ff0 + 1;

/**
 * The greatest masses in descending order: so many that there are `enough` (given their number and sum), then
 * all.
 */
function* mostLikelyMasses(
  masses: Float64Array,
  enough: (counted: number, mass: number) => boolean,
): Generator<Float64Array> {
  if (masses.length > few) {
    const words = new Uint32Array(masses.buffer, masses.byteOffset, 2 * masses.length);
    const counts = new Uint32Array(buckets);
    const sums = new Float64Array(buckets);
    for (let token = 0; token < masses.length; token++) {
      const bucket = words[2 * token + highWord] >>> 16;
      counts[bucket] += 1;
      sums[bucket] += masses[token];
    }
    let [lowest, counted, mass] = [buckets, 0, 0];
    while (lowest > 0 && (counted === 0 || !enough(counted, mass))) {
      lowest -= 1;
      counted += counts[lowest];
      mass += sums[lowest];
    }
    const found = new Float64Array(counted);
    let at = 0;
    for (let token = 0; token < masses.length; token++) {
      if (words[2 * token + highWord] >>> 16 >= lowest) found[at++] = masses[token];
    }
    yield found.sort().reverse();
    if (counted === masses.length) return;
  }
  yield masses.slice().sort().reverse();
}

/** Which half of a float64 has the exponent: on little-endian machines the second. */
const highWord = new Uint32Array(Float64Array.of(1).buffer)[1] === 0 ? 0 : 1;

/** Sets all but these (descending, at least one) to 0; among equals at the end the lowest ids stay. */
function keep(masses: Float64Array, kept: Float64Array): void {
  const least = kept[kept.length - 1];
  let equals = kept.length - kept.indexOf(least);
  for (let token = 0; token < masses.length; token++) {
    if (masses[token] > least) continue;
    if (masses[token] === least && equals > 0) equals -= 1;
    else masses[token] = 0;
  }
}

function sum(values: Float64Array): number {
  let result = 0;
  for (let i = 0; i < values.length; i++) result += values[i];
  return result;
}
