/**
 * Whether an engine computes what it should on this machine: one forward, backward and optimizer step of a small
 * random decoder, against the float64 reference. Drivers differ, and a wrong one must be found before a run trusts it.
 */
import { type DecoderConfig, tensorShapes } from './config.ts';
import type { AdamWOptions, Engine, PackedRows, Tensors } from './engine.ts';
import { gemma2Decoder } from './families.ts';
import { initialWeights } from './new-policy.ts';
import { normal, seedFor, uniform } from './random.ts';
import { createReferenceEngine } from './reference.ts';
import { packRows } from './rows.ts';

export type EngineFactory = (config: DecoderConfig, weights: Tensors) => Promise<Engine>;

/** Largest errors that f32 arithmetic explains, with room; measured ones are a hundredth of these. */
export const TOLERANCE = { logprobs: 1e-3, gradient: 1e-3, update: 1e-2 } as const;

export interface TensorCheck {
  readonly name: string;
  /** Norm of the difference over the norm of the reference's gradient. */
  readonly gradient: number;
  /** The same for the change that one AdamW step makes. */
  readonly update: number;
}

export interface SelfCheck {
  readonly ok: boolean;
  /** Largest absolute difference of a log-probability. */
  readonly logprobs: number;
  readonly tensors: readonly TensorCheck[];
  /** Whether the whole computation, done again, gives the same bits. */
  readonly repeatable: boolean;
}

// Sizes that are no multiples of tiles or workgroups, a window shorter than the rows, shared key heads, both caps.
const shape = gemma2Decoder({
  vocabSize: 101,
  hiddenSize: 44,
  intermediateSize: 76,
  layers: 3,
  heads: 4,
  keyValueHeads: 2,
  headSize: 12,
  maxPositions: 64,
  window: 7,
});

// The large epsilon keeps the step smooth in the gradient: with a small one its sign decides, and rounding that.
const adamW: AdamWOptions = {
  learningRate: 1e-2,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-2,
  weightDecay: 0.01,
  clipNorm: 1,
};

interface Outcome {
  readonly logprobs: Float32Array;
  readonly gradients: Tensors;
  readonly weights: Tensors;
}

/** Compares the engine that `create` makes with the reference. Throws what the engine throws. */
export async function selfCheck(create: EngineFactory): Promise<SelfCheck> {
  const start = initialWeights(shape, 1);
  const rows = randomRows([19, 2, 33], shape.vocabSize);
  const expected = await outcome(createReferenceEngine, start, rows);
  const found = await outcome(create, start, rows);
  const again = await outcome(create, start, rows);

  const tensors = [...start].map(([name, before]): TensorCheck => {
    const at = (from: Outcome) => ({
      gradient: values(from.gradients, name),
      weights: values(from.weights, name),
    });
    const [good, own] = [at(expected), at(found)];
    return {
      name,
      gradient: relativeError(own.gradient, good.gradient),
      update: relativeError(difference(own.weights, before), difference(good.weights, before)),
    };
  });
  const logprobs = Math.max(...difference(found.logprobs, expected.logprobs).map(Math.abs));
  const repeatable = [...start.keys()].every(
    (name) =>
      sameBits(values(found.gradients, name), values(again.gradients, name)) &&
      sameBits(values(found.weights, name), values(again.weights, name)),
  );
  // Not a comparison that NaN would pass.
  const within = tensors.every(
    ({ gradient, update }) => gradient <= TOLERANCE.gradient && update <= TOLERANCE.update,
  );
  return { ok: within && logprobs <= TOLERANCE.logprobs && repeatable, logprobs, tensors, repeatable };
}

/** One forward, backward and update on fresh weights. */
async function outcome(create: EngineFactory, weights: Tensors, rows: PackedRows): Promise<Outcome> {
  const engine = await create(shape, weights);
  try {
    const logprobs = await engine.forward(rows);
    const key = seedFor(1, 'self-check/advantages');
    await engine.backward(logprobs.map((_, m) => normal(key, m)));
    const gradients = await engine.gradients();
    await engine.update(adamW);
    return { logprobs, gradients, weights: await engine.weights() };
  } finally {
    await engine.close();
  }
}

export interface Speed {
  /** Tokens that went through forward, backward and update in a second. */
  readonly tokensPerSecond: number;
  readonly parameters: number;
}

/**
 * The speed of training on a decoder of the demo's size. `now` is a monotonic clock in milliseconds; the best of
 * `rounds` counts, behind one to warm up.
 */
export async function trainingSpeed(
  create: EngineFactory,
  { now, rounds }: { readonly now: () => number; readonly rounds: number },
): Promise<Speed> {
  const config = gemma2Decoder({
    ...{ vocabSize: 256, hiddenSize: 96, intermediateSize: 256, layers: 3 },
    ...{ heads: 4, keyValueHeads: 2, headSize: 24, maxPositions: 64, window: 512 },
  });
  // Any numbers will do, and these are made faster than random ones.
  const weights: Tensors = new Map();
  for (const [name, dims] of tensorShapes(config)) {
    const size = dims.reduce((product, n) => product * n, 1);
    weights.set(
      name,
      Float32Array.from({ length: size }, (_, i) => ((i * 7919) % 997) / 4985 - 0.1),
    );
  }
  const batch = randomRows(
    Array.from({ length: 8 }, () => 64),
    config.vocabSize,
  );
  const engine = await create(config, weights);
  try {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round <= rounds; round++) {
      const begun = now();
      await engine.forward(batch);
      await engine.backward(new Float32Array(batch.targets.length).fill(1 / batch.targets.length));
      await engine.update(adamW);
      const took = now() - begun;
      if (round > 0) best = Math.min(best, took);
    }
    const parameters = [...weights.values()].reduce((sum, { length }) => sum + length, 0);
    return { tokensPerSecond: (1000 * batch.tokens.length) / best, parameters };
  } finally {
    await engine.close();
  }
}

/** Rows of these lengths of random tokens; all but a few tokens are targets. */
function randomRows(lengths: readonly number[], vocabSize: number): PackedRows {
  const key = seedFor(1, 'self-check/tokens');
  return packRows(
    lengths.map((length, row) => ({
      tokens: Array.from({ length }, (_, i) => Math.floor(uniform(key, 1000 * row + i) * vocabSize)),
      targets: Array.from({ length: length - 1 }, (_, i) => i + 1).filter((i) => i % 5 !== 4),
    })),
  );
}

function values(tensors: Tensors, name: string): Float32Array {
  return tensors.get(name) ?? new Float32Array();
}

function difference(a: Float32Array, b: Float32Array): Float64Array {
  return Float64Array.from(a, (value, i) => value - b[i]);
}

function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (found[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(error / Math.max(size, Number.MIN_VALUE));
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );
}
