/**
 * What sampling and training ask of a decoder, whatever it runs on: `webgpu-engine.ts` (WGSL) and
 * `reference.ts` (float64) both implement it and are tested against each other.
 */
import type { DecoderConfig } from './config.ts';

/**
 * Token sequences laid end to end, without padding. N tokens in all; a row begins wherever `positions` is 0
 * and attends only to itself.
 */
export interface PackedRows {
  /** (N) token ids. */
  readonly tokens: Int32Array;
  /** (N) position within the row, from 0. */
  readonly positions: Int32Array;
  /** (M) ascending indices n into `tokens`, n >= 1 and positions[n] >= 1: the tokens whose log-probability counts. */
  readonly targets: Int32Array;
}

export interface AdamWOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradient; larger ones are scaled down to it. Infinity: no clipping. */
  readonly clipNorm: number;
}

/** Tensors by their Hugging Face names (`model.layers.0.self_attn.q_proj.weight`), row-major as stored there. */
export type Tensors = Map<string, Float32Array>;

export interface OptimizerState {
  /** How many updates were made. */
  readonly step: number;
  /** First and second moments, by the weights' names. */
  readonly m: Tensors;
  readonly v: Tensors;
}

export interface SampleRequest {
  /** The context's token ids; at least one. */
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  /** Divides the logits before the softmax; 0 is greedy. */
  readonly temperature: number;
  /** Keep the most likely tokens up to this mass; 1 keeps all. */
  readonly topP: number;
  /** Keep this many most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Sampling ends with any of these; the end token is part of the sample. */
  readonly stopTokens: readonly number[];
  /** 64-bit seed, from `seedFor(runSeed, id)`: with the position it decides every random number. */
  readonly seed: bigint;
  readonly signal?: AbortSignal;
}

export interface Sample {
  readonly tokens: number[];
  /** Natural log-probabilities under the distribution sampled from. */
  readonly logprobs: number[];
}

/** Draws samples, many at a time; a sample does not depend on what else is in the batch. */
export interface Sampler {
  sample(request: SampleRequest): Promise<Sample>;
  close(): void;
}

export interface Engine {
  readonly config: DecoderConfig;
  /** For people: adapter name, or `reference (float64)`. */
  readonly device: string;
  /** (M) log-probabilities of the target tokens; keeps what `backward` needs until the next forward. */
  forward(rows: PackedRows): Promise<Float32Array>;
  /** Adds the gradient of -sum_m weights[m] * logprob[m] of the last forward to the accumulated gradient. */
  backward(weights: Float32Array): Promise<void>;
  /** The accumulated gradient, by tensor name. */
  gradients(): Promise<Tensors>;
  /** One AdamW update from the accumulated gradient (decoupled weight decay, arXiv 1711.05101), which is then zero. */
  update(options: AdamWOptions): Promise<{ readonly gradNorm: number }>;
  weights(): Promise<Tensors>;
  setWeights(weights: Tensors): Promise<void>;
  optimizer(): Promise<OptimizerState>;
  setOptimizer(state: OptimizerState): Promise<void>;
  /** A sampler on the weights as they are when each sample starts; `maxLength` bounds context plus completion. */
  sampler(options: { readonly slots: number; readonly maxLength: number }): Sampler;
  close(): Promise<void>;
}
