/**
 * Whether an engine computes what it should on this machine: forward, backward and one optimizer step of
 * small random decoders, against the float64 reference. Drivers differ, and a wrong one must be found before
 * a run trusts it.
 */
import type { DecoderConfig } from '../config.ts';
import type { Engine, EngineOptions, Tensors, WeightSource } from '../engine.ts';
import { createReferenceEngine } from '../reference/engine.ts';
import { packRows } from '../rows.ts';
import {
  advantages,
  type CheckedDecoder,
  checkAdamW,
  checkedDecoders,
  checkedRows,
  startOf,
} from './cases.ts';

export type EngineFactory = (
  config: DecoderConfig,
  weights: Tensors | WeightSource,
  options?: EngineOptions,
) => Promise<Engine>;

/** Largest errors that f32 arithmetic explains, with room; measured ones are a hundredth of these. */
export const TOLERANCE = { logprobs: 1e-3, gradient: 1e-3, update: 1e-2 } as const;

interface TensorCheck {
  readonly name: string;
  /** Norm of the difference over the norm of the reference's gradient. */
  readonly gradient: number;
  /** The same for the change that one AdamW step makes. */
  readonly update: number;
}

export interface DecoderCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Largest absolute difference of a logprob, of given tokens and of sampled ones. */
  readonly logprobs: number;
  readonly sampled: number;
  /** Everything that is trained. */
  readonly tensors: readonly TensorCheck[];
  /** Whether the whole computation, done again, gives the same bits. */
  readonly repeatable: boolean;
}

/** Compares the engines that `create` makes with the reference. Throws what the engine throws. */
export async function checkDecoders(create: EngineFactory): Promise<readonly DecoderCheck[]> {
  const checks: DecoderCheck[] = [];
  for (const decoder of checkedDecoders) checks.push(await checkDecoder(create, decoder));
  return checks;
}

async function checkDecoder(create: EngineFactory, decoder: CheckedDecoder): Promise<DecoderCheck> {
  const { trained: start } = startOf(decoder);
  const found = await outcome(create, decoder);
  const again = await outcome(create, decoder);
  const expected = await outcome(createReferenceEngine, decoder, found.sample);

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
  const logprobs = largest(difference(found.logprobs, expected.logprobs));
  const sampled = largest(difference(Float32Array.from(found.sample.logprobs), expected.sampled));
  const repeatable =
    sameBits(found.logprobs, again.logprobs) &&
    [...start.keys()].every(
      (name) =>
        sameBits(values(found.gradients, name), values(again.gradients, name)) &&
        sameBits(values(found.weights, name), values(again.weights, name)),
    );
  // Not a comparison that NaN would pass.
  const within = tensors.every(
    ({ gradient, update }) => gradient <= TOLERANCE.gradient && update <= TOLERANCE.update,
  );
  const ok = within && logprobs <= TOLERANCE.logprobs && sampled <= TOLERANCE.logprobs && repeatable;
  return { name: decoder.name, ok, logprobs, sampled, tensors, repeatable };
}

interface Outcome {
  readonly logprobs: Float32Array;
  readonly gradients: Tensors;
  readonly weights: Tensors;
  readonly sample: Sampled;
  /** Of the sample's tokens, by a forward pass. */
  readonly sampled: Float32Array;
}

interface Sampled {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

const prompt = [5, 17, 2];

/**
 * Forward, backward and update of a fresh engine; before that a sample, or the logprobs of a given
 * one.
 */
async function outcome(create: EngineFactory, decoder: CheckedDecoder, given?: Sampled): Promise<Outcome> {
  const { weights, trained } = startOf(decoder);
  const engine = await create(decoder.config, weights, decoder.options);
  try {
    if (engine.lora) await engine.setWeights(trained);
    const sample = given ?? (await drawn(engine));
    const row = [...prompt, ...sample.tokens];
    const sampled = await engine.forward(
      packRows([{ tokens: row, targets: sample.tokens.map((_, i) => prompt.length + i) }]),
    );
    const logprobs = await engine.forward(checkedRows(decoder.config));
    await engine.backward(advantages(logprobs.length));
    const gradients = await engine.gradients();
    await engine.update(checkAdamW);
    return { logprobs, gradients, weights: await engine.weights(), sample, sampled };
  } finally {
    await engine.close();
  }
}

/** A sample longer than the windows, so that the caches go round. */
async function drawn(engine: Engine): Promise<Sampled> {
  const sampler = engine.sampler({ slots: 2, maxLength: 40, chunk: 2 });
  const request = { prompt, maxTokens: 24, temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: 1n };
  const sample = await sampler.sample(request);
  sampler.close();
  return sample;
}

function values(tensors: Tensors, name: string): Float32Array {
  return tensors.get(name) ?? new Float32Array();
}

function difference(a: Float32Array, b: Float32Array): Float64Array {
  return Float64Array.from(a, (value, i) => value - b[i]);
}

function largest(differences: Float64Array): number {
  return Math.max(0, ...differences.map(Math.abs));
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
