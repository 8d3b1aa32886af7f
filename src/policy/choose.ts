/**
 * Draws one token from a row of logits: temperature, then the topK most likely, then of those the most likely
 * up to mass topP, each time renormalized (the order of transformers' warpers). Given the same logits and the
 * same random number, every engine chooses the same token.
 */

import { ModelError } from '../errors.ts';

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
  /** Natural log-probability under the distribution drawn from; 0 when greedy. */
  readonly logprob: number;
}

/**
 * The token whose share of [0, 1), laid out in the order of ids, contains the random number u. `logits` (V) are
 * after the cap; they are not changed. Throws `ModelError` where they are not finite.
 */
export function choose(logits: Float32Array | Float64Array, options: ChooseOptions, u: number): Choice {
  const best = mostLikely(logits);
  const largest = logits[best];
  if (options.temperature === 0 && Number.isFinite(largest)) return { token: best, logprob: 0 };
  const masses = new Float64Array(logits.length);
  let total = 0;
  for (let token = 0; token < logits.length; token++) {
    masses[token] = Math.exp((logits[token] - largest) / options.temperature);
    total += masses[token];
  }
  if (!Number.isFinite(total)) {
    throw new ModelError(`expected finite logits, found a sum of ${total}: the policy's weights are broken`);
  }
  if ((options.topK > 0 && options.topK < masses.length) || options.topP < 1)
    total = truncate(masses, options);
  let last = 0;
  let sum = 0;
  for (let token = 0; token < masses.length; token++) {
    if (masses[token] === 0) continue;
    sum += masses[token];
    last = token;
    if (sum > u * total) break;
  }
  return { token: last, logprob: Math.log(masses[last] / total) };
}

/** The most likely token, the lowest id among equals. */
function mostLikely(logits: Float32Array | Float64Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token] > logits[best]) best = token;
  return best;
}

/** Sets what is not kept to 0 and returns the mass that is left. */
function truncate(masses: Float64Array, { topK, topP }: ChooseOptions): number {
  const order = Array.from(masses.keys()).sort((a, b) => masses[b] - masses[a] || a - b);
  if (topK > 0) for (const token of order.splice(topK)) masses[token] = 0;
  const mass = order.reduce((sum, token) => sum + masses[token], 0);
  let kept = 0;
  for (const token of order) {
    if (kept > 0 && kept >= topP * mass) masses[token] = 0;
    else kept += masses[token];
  }
  return kept;
}
