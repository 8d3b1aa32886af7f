/**
 * The decoder in float64 on the CPU: the oracle of the tests, the self-check of `swirl doctor`, and the slow
 * fallback where there is no WebGPU adapter. State (weights and moments) is rounded to f32 after each update,
 * as checkpoints keep it; everything in between is float64.
 */
import { ConfigError, ModelError } from '../../errors.ts';
import type { DecoderConfig, TensorShapes } from '../config.ts';
import { checkTensors, headName, tensorShapes } from '../config.ts';
import type {
  AdamWOptions,
  Engine,
  EngineOptions,
  LoraShape,
  OptimizerState,
  PackedRows,
  Sampler,
  SamplerOptions,
  Tensors,
  WeightSource,
} from '../engine.ts';
import { adapterShapes } from '../lora.ts';
import { checkRows } from '../rows.ts';
import { adamW, globalNorm } from './adamw.ts';
import type { DecoderPass } from './decoder.ts';
import { decoderBackward, decoderForward } from './decoder.ts';
import { type HeadInputs, logprobsBackward, logprobsOf } from './head.ts';
import { ReferenceSampler } from './sampler.ts';
import {
  type AdaptedDecoder,
  readAll,
  roundMatricesToBf16,
  tensor,
  toFloat32,
  toFloat64,
  type Weights,
  zeros,
} from './weights.ts';

/** What backward needs of the last forward. */
interface Forwarded {
  readonly pass: DecoderPass;
  /** (M) which token of the rows predicts each target. */
  readonly predictors: Int32Array;
  /** (M) the targets' ids. */
  readonly labels: Int32Array;
  /** (M) of the targets' logits; undefined: 1. */
  readonly temperatures: Float64Array | undefined;
}

/**
 * A float64 engine on these weights. Frozen matrices are rounded to bf16 where the options say so; nothing is
 * computed again in the backward pass, whatever they say. Throws `ConfigError` where the weights do not fit
 * the decoder.
 */
export async function createReferenceEngine(
  config: DecoderConfig,
  weights: Tensors | WeightSource,
  options: EngineOptions = {},
): Promise<ReferenceEngine> {
  const engine = new ReferenceEngine(config, options);
  await engine.load(weights);
  return engine;
}

/** The engine itself; its weights are 0 until they are loaded or set. */
export class ReferenceEngine implements Engine {
  readonly config: DecoderConfig;
  readonly device = 'reference (float64)';
  readonly lora: LoraShape | null;
  readonly trainable: TensorShapes;
  readonly #options: EngineOptions;
  /** With the adapters, as every pass but the base's sees it. */
  readonly #decoder: AdaptedDecoder;
  // Replaced, never changed in place: samples in flight keep the map they started with.
  /** The decoder's own tensors where they are frozen; else none. */
  #frozen: Weights;
  #trained: Weights;
  /** Both. */
  #weights: Weights;
  #gradients: Weights;
  #m: Weights;
  #v: Weights;
  #step = 0;
  #forwarded: Forwarded | undefined;
  readonly #samplers = new Set<ReferenceSampler>();

  constructor(config: DecoderConfig, options: EngineOptions = {}) {
    this.config = config;
    this.lora = options.lora ?? null;
    this.#options = options;
    this.#decoder = { ...config, lora: this.lora };
    this.trainable = this.lora ? adapterShapes(config, this.lora) : tensorShapes(config);
    this.#frozen = this.lora ? zeros(tensorShapes(config)) : new Map();
    this.#trained = zeros(this.trainable);
    this.#weights = new Map([...this.#frozen, ...this.#trained]);
    this.#gradients = zeros(this.trainable);
    this.#m = zeros(this.trainable);
    this.#v = zeros(this.trainable);
  }

  /** Sets the decoder's own tensors, trained or frozen. */
  async load(source: Tensors | WeightSource): Promise<void> {
    const shapes = tensorShapes(this.config);
    const weights = await readAll(source, shapes);
    if (!this.lora) return this.#set(weights);
    this.#frozen = this.#options.frozen === 'bf16' ? roundMatricesToBf16(weights, shapes) : weights;
    this.#set(this.#trained);
  }

  async forward(rows: PackedRows): Promise<Float32Array> {
    return Float32Array.from(this.logprobs64(rows));
  }

  async forwardBase(rows: PackedRows): Promise<Float32Array> {
    if (!this.lora) throw new Error('forwardBase is for engines with adapters');
    const logprobs = Float32Array.from(this.#forward(rows, this.config));
    this.#forwarded = undefined;
    return logprobs;
  }

  /** `forward` in full precision, for central differences. */
  logprobs64(rows: PackedRows): Float64Array {
    return this.#forward(rows, this.#decoder);
  }

  #forward(rows: PackedRows, decoder: AdaptedDecoder): Float64Array {
    checkRows(rows, this.config);
    const batch = {
      tokens: rows.tokens,
      positions: rows.positions,
      bases: rows.positions.map((position, n) => n - position),
    };
    const pass = decoderForward(this.#weights, decoder, batch);
    const predictors = rows.targets.map((target) => target - 1);
    const labels = rows.targets.map((target) => rows.tokens[target]);
    this.#forwarded = { pass, predictors, labels, temperatures: rows.temperatures };
    return logprobsOf(this.#headInputs(this.#forwarded));
  }

  async backward(advantages: Float32Array): Promise<void> {
    const forwarded = this.#forwarded;
    if (!forwarded) throw new Error('backward needs a forward since the weights last changed');
    const { pass, predictors, labels } = forwarded;
    if (advantages.length !== labels.length) {
      throw new RangeError(
        `expected ${labels.length} advantages, one per target, found ${advantages.length}`,
      );
    }
    const dTargets = logprobsBackward(
      Float64Array.from(advantages),
      this.#headInputs(forwarded),
      this.#gradients.get(headName(this.config)),
    );
    const c = this.config.hiddenSize;
    const dHidden = new Float64Array(pass.hidden.length);
    for (const [m, n] of predictors.entries()) dHidden.set(dTargets.subarray(m * c, (m + 1) * c), n * c);
    decoderBackward(this.#weights, this.#gradients, this.#decoder, pass, dHidden);
  }

  async gradients(): Promise<Tensors> {
    return toFloat32(this.#gradients);
  }

  /** `gradients` in full precision, for tests of exactness. */
  gradients64(): Weights {
    return new Map([...this.#gradients].map(([name, values]) => [name, values.slice()]));
  }

  /** Throws `ModelError`, with the weights as they were, where the gradient is not finite. */
  async update(options: AdamWOptions): Promise<{ readonly gradNorm: number }> {
    const gradients = this.#gradients;
    this.#gradients = zeros(this.trainable);
    this.#forwarded = undefined;
    const gradNorm = globalNorm(gradients.values());
    if (!Number.isFinite(gradNorm)) {
      throw new ModelError(
        `expected a finite gradient, found one of norm ${gradNorm}; the weights are unchanged`,
      );
    }
    this.#step += 1;
    const gradientScale = gradNorm > options.clipNorm ? options.clipNorm / gradNorm : 1;
    const updated = new Map<string, Float64Array>();
    for (const [name, weights] of this.#trained) {
      const state = { gradient: tensor(gradients, name), m: tensor(this.#m, name), v: tensor(this.#v, name) };
      updated.set(name, adamW({ weights, ...state }, { ...options, step: this.#step, gradientScale }));
    }
    this.#set(updated);
    return { gradNorm };
  }

  async weights(): Promise<Tensors> {
    return toFloat32(this.#trained);
  }

  async setWeights(weights: Tensors): Promise<void> {
    this.setExactWeights(toFloat64(weights));
  }

  /** `setWeights` in full precision, for central differences. */
  setExactWeights(weights: Weights): void {
    checkTensors(weights, this.trainable, 'weights');
    this.#set(weights);
  }

  #set(trained: Weights): void {
    this.#trained = new Map(trained);
    this.#weights = new Map([...this.#frozen, ...trained]);
    this.#forwarded = undefined;
  }

  async optimizer(): Promise<OptimizerState> {
    return { step: this.#step, m: toFloat32(this.#m), v: toFloat32(this.#v) };
  }

  async setOptimizer(state: OptimizerState): Promise<void> {
    if (!Number.isInteger(state.step) || state.step < 0) {
      throw new ConfigError(`expected the optimizer's step to be a whole number from 0, found ${state.step}`);
    }
    checkTensors(state.m, this.trainable, 'optimizer, first moments');
    checkTensors(state.v, this.trainable, 'optimizer, second moments');
    this.#step = state.step;
    this.#m = toFloat64(state.m);
    this.#v = toFloat64(state.v);
  }

  sampler(options: SamplerOptions): Sampler {
    const sampler = new ReferenceSampler(this.#decoder, () => this.#weights, options);
    this.#samplers.add(sampler);
    return sampler;
  }

  async close(): Promise<void> {
    for (const sampler of this.#samplers) sampler.close();
    this.#samplers.clear();
    this.#forwarded = undefined;
  }

  #head(): Float64Array {
    return tensor(this.#weights, headName(this.config));
  }

  #headInputs(forwarded: Forwarded): HeadInputs {
    const { labels, temperatures } = forwarded;
    const { logitCap: cap } = this.config;
    return { hidden: this.#hidden(forwarded), labels, w: this.#head(), cap, temperatures };
  }

  /** (M, C) the hidden states that predict the targets. */
  #hidden({ pass, predictors }: Forwarded): Float64Array {
    const c = this.config.hiddenSize;
    const hidden = new Float64Array(predictors.length * c);
    for (const [m, n] of predictors.entries()) hidden.set(pass.hidden.subarray(n * c, (n + 1) * c), m * c);
    return hidden;
  }
}
