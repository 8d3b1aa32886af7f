/**
 * What sampling and training ask of a decoder, whatever it runs on: `webgpu/engine.ts` (WGSL) and
 * `reference/engine.ts` (float64) both implement it and are tested against each other.
 */
import type { DecoderConfig, Projection, TensorShapes } from './config.ts';
import type { MatmulChoice } from './matmul-choice.ts';
import type { Packing } from './packed.ts';

/**
 * Token sequences laid end to end, without padding. N tokens in all; a row begins wherever `positions` is 0
 * and attends only to itself.
 */
export interface PackedRows {
  /** (N) token ids. */
  readonly tokens: Int32Array;
  /** (N) position within the row, from 0. */
  readonly positions: Int32Array;
  /**
   * (M) ascending indices n into `tokens`, n >= 1 and positions[n] >= 1: the tokens whose logprob
   * counts.
   */
  readonly targets: Int32Array;
  /** (M) what divides the logits that each target's logprob is taken of; left out: 1. */
  readonly temperatures?: Float64Array;
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

/**
 * Tensors by their Hugging Face names (`model.layers.0.self_attn.q_proj.weight`), row-major as stored there.
 */
export type Tensors = Map<string, Float32Array>;

/**
 * Where a decoder's weights come from: files, read slice by slice, or memory. `visit` gets a tensor's numbers
 * in order, each slice with the index of its first number.
 */
export interface WeightSource {
  read(name: string, visit: (slice: Float32Array, at: number) => void): Promise<void>;
  /**
   * The same in whole blocks of packed.ts, of a tensor that the source has packed; `at` counts numbers. Left out by
   * sources that have none.
   */
  readPacked?(name: string, visit: (words: Uint32Array, at: number) => void): Promise<void>;
}

/**
 * Low-rank adapters (LoRA, arXiv 2106.09685) on some projections of every layer: y = W x + scale * B (A x),
 * where A (rank, in) and B (out, rank) are trained and W is frozen.
 */
export interface LoraShape {
  readonly rank: number;
  /** Multiplies what the adapter adds: alpha / rank in PEFT's terms. */
  readonly scale: number;
  readonly targets: readonly Projection[];
}

/** What an engine is made with. */
export interface EngineOptions {
  /** Train adapters, and keep the decoder's own weights frozen; null: train every weight. */
  readonly lora?: LoraShape | null;
  /**
   * Whether anything is to be trained; false: every weight is frozen, and there is only `forward` and
   * sampling.
   */
  readonly training?: boolean;
  /**
   * How frozen weights are kept. bf16 halves their memory, and is exact where the checkpoint is bf16. Tensors by name:
   * packed, as their source has them, which is exact too, and the others in f32.
   */
  readonly frozen?: 'f32' | 'bf16' | Packing;
  /**
   * How exactly matmuls with frozen bf16 weights are computed: f16 rounds what they multiply to f16 (11
   * bits), where that is faster and the adapter can; sums are in f32 all the same. f32, the default, does
   * not.
   */
  readonly precision?: 'f32' | 'f16';
  /** Which kernels multiply matrices on a device: a family by name, or the rule by which one is chosen. */
  readonly matmul?: MatmulChoice;
  /**
   * Keep only the residual stream of each layer in the forward pass, and compute the rest again in the
   * backward pass: a third more work for a fraction of the memory (arXiv 1604.06174).
   */
  readonly recompute?: boolean;
  /**
   * Most tokens of a batch that will be trained on: what the plan of memory counts with, and makes room for.
   */
  readonly batchTokens?: number;
  /** The sampler that will be asked for: what the plan of memory counts with. */
  readonly sampling?: SamplerOptions;
}

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
  /**
   * Asked after each token with all tokens of the sample so far, in order: true ends it. They belong to the
   * sample.
   */
  readonly stop?: (tokens: readonly number[]) => boolean;
  /** 64-bit seed, from `seedFor(runSeed, id)`: with the position it decides every random number. */
  readonly seed: bigint;
  readonly signal?: AbortSignal;
}

export interface Sample {
  readonly tokens: number[];
  /**
   * Natural logprobs under the softmax of the logits divided by the temperature, of all tokens. 0 when
   * greedy.
   */
  readonly logprobs: number[];
}

/** Sums since the sampler was made. */
export interface SamplerStatistics {
  readonly steps: number;
  /** Tokens of the prompts of samples that started, and how many of them were in a slot's cache already. */
  readonly promptTokens: number;
  readonly reusedTokens: number;
  /** How many more of them were copied from another slot. */
  readonly copiedTokens: number;
  readonly sampledTokens: number;
}

export interface SamplerOptions {
  /** Most samples at a time. */
  readonly slots: number;
  /** Bounds context plus completion, in tokens. */
  readonly maxLength: number;
  /** Most tokens of one prompt in a step; what a layer with a sliding window keeps beyond its window. */
  readonly chunk?: number;
  /** Most tokens of all samples in a step: what bounds the activations. At least one for each slot. */
  readonly stepTokens?: number;
  /**
   * Whether a prompt may begin with what a sample left in its slot's cache, or has in another's. The samples are the
   * same.
   */
  readonly reuse?: boolean;
}

/** Draws samples, many at a time; a sample does not depend on what else is in the batch. */
export interface Sampler {
  readonly statistics: SamplerStatistics;
  sample(request: SampleRequest): Promise<Sample>;
  close(): void;
}

export interface Engine {
  readonly config: DecoderConfig;
  /** The adapters' shape; null where every weight is trained. */
  readonly lora: LoraShape | null;
  /** What is trained: every tensor of the decoder (`tensorShapes`), or of the adapters (`adapterShapes`). */
  readonly trainable: TensorShapes;
  /** For people: adapter name, or `reference (float64)`. */
  readonly device: string;
  /** (M) logprobs of the target tokens; keeps what `backward` needs until the next forward. */
  forward(rows: PackedRows): Promise<Float32Array>;
  /**
   * (M) the same of the decoder without its adapters: of the policy as it was before LoRA training. No
   * backward follows.
   */
  forwardBase(rows: PackedRows): Promise<Float32Array>;
  /**
   * Adds the gradient of -sum_m advantages[m] * logprob[m] of the last forward to the accumulated gradient.
   */
  backward(advantages: Float32Array): Promise<void>;
  /** The accumulated gradient, by tensor name. */
  gradients(): Promise<Tensors>;
  /**
   * One AdamW update from the accumulated gradient (decoupled weight decay, arXiv 1711.05101), which is then
   * zero.
   */
  update(options: AdamWOptions): Promise<{ readonly gradNorm: number }>;
  /** The trainable tensors as they are now. */
  weights(): Promise<Tensors>;
  /** Sets every trainable tensor. Adapters are 0 until they are set. */
  setWeights(weights: Tensors): Promise<void>;
  optimizer(): Promise<OptimizerState>;
  setOptimizer(state: OptimizerState): Promise<void>;
  /** A sampler on the weights as they are when each sample starts. */
  sampler(options: SamplerOptions): Sampler;
  close(): Promise<void>;
}
