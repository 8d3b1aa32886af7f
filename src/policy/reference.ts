/**
 * The decoder in float64 on the CPU: the oracle of the tests, the self-check of `swirl doctor`, and the slow
 * fallback where there is no WebGPU adapter. State (weights and moments) is rounded to f32 after each update,
 * as checkpoints keep it; everything in between is float64.
 */
import { ConfigError, ModelError } from '../errors.ts';
import type { DecoderConfig, TensorShapes } from './config.ts';
import { checkTensors, tensorShapes } from './config.ts';
import type { AdamWOptions, Engine, OptimizerState, PackedRows, Sampler, Tensors } from './engine.ts';
import { adamW, globalNorm } from './reference/adamw.ts';
import type { DecoderPass, Weights } from './reference/decoder.ts';
import { decoderBackward, decoderForward, tensor } from './reference/decoder.ts';
import { logProbabilities, logProbabilitiesBackward } from './reference/head.ts';
import type { ReferenceSamplerOptions } from './reference/sampler.ts';
import { ReferenceSampler } from './reference/sampler.ts';
import { checkRows } from './rows.ts';

/** What backward needs of the last forward. */
interface Forwarded {
  readonly pass: DecoderPass;
  /** (M) which token of the rows predicts each target. */
  readonly predictors: Int32Array;
  /** (M) the targets' ids. */
  readonly labels: Int32Array;
}

/** A float64 engine on these weights. Throws `ConfigError` where they do not fit the shape. */
export async function createReferenceEngine(
  config: DecoderConfig,
  weights: Tensors,
): Promise<ReferenceEngine> {
  const engine = new ReferenceEngine(config);
  await engine.setWeights(weights);
  return engine;
}

/** The engine itself; its weights are 0 until they are set. */
export class ReferenceEngine implements Engine {
  readonly config: DecoderConfig;
  readonly device = 'reference (float64)';
  readonly lora = null;
  readonly #shapes: TensorShapes;
  // Replaced, never changed in place: samples in flight keep the map they started with.
  #weights: Weights;
  #gradients: Weights;
  #m: Weights;
  #v: Weights;
  #step = 0;
  #forwarded: Forwarded | undefined;
  readonly #samplers = new Set<ReferenceSampler>();

  constructor(config: DecoderConfig) {
    this.config = config;
    this.#shapes = tensorShapes(config);
    this.#weights = zeros(this.#shapes);
    this.#gradients = zeros(this.#shapes);
    this.#m = zeros(this.#shapes);
    this.#v = zeros(this.#shapes);
  }

  get trainable(): TensorShapes {
    return this.#shapes;
  }

  async forwardBase(_rows: PackedRows): Promise<Float32Array> {
    throw new Error('forwardBase is for engines with adapters');
  }

  async forward(rows: PackedRows): Promise<Float32Array> {
    return Float32Array.from(this.logProbabilities(rows));
  }

  /** `forward` in full precision, for central differences. */
  logProbabilities(rows: PackedRows): Float64Array {
    checkRows(rows, this.config);
    const batch = {
      tokens: rows.tokens,
      positions: rows.positions,
      bases: rows.positions.map((position, n) => n - position),
    };
    const pass = decoderForward(this.#weights, this.config, batch);
    const predictors = rows.targets.map((target) => target - 1);
    const labels = rows.targets.map((target) => rows.tokens[target]);
    this.#forwarded = { pass, predictors, labels };
    return logProbabilities(this.#hidden(this.#forwarded), labels, this.#embedding(), this.config.logitCap);
  }

  async backward(weights: Float32Array): Promise<void> {
    const forwarded = this.#forwarded;
    if (!forwarded) throw new Error('backward needs a forward since the weights last changed');
    const { pass, predictors, labels } = forwarded;
    if (weights.length !== labels.length) {
      throw new RangeError(`expected ${labels.length} weights, one per target, found ${weights.length}`);
    }
    const dTargets = logProbabilitiesBackward(
      Float64Array.from(weights),
      { hidden: this.#hidden(forwarded), labels, embedding: this.#embedding() },
      tensor(this.#gradients, 'model.embed_tokens.weight'),
      this.config.logitCap,
    );
    const c = this.config.hiddenSize;
    const dHidden = new Float64Array(pass.hidden.length);
    for (const [m, n] of predictors.entries()) dHidden.set(dTargets.subarray(m * c, (m + 1) * c), n * c);
    decoderBackward(this.#weights, this.#gradients, this.config, pass, dHidden);
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
    this.#gradients = zeros(this.#shapes);
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
    for (const [name, weights] of this.#weights) {
      const state = { gradient: tensor(gradients, name), m: tensor(this.#m, name), v: tensor(this.#v, name) };
      updated.set(name, adamW({ weights, ...state }, { ...options, step: this.#step, gradientScale }));
    }
    this.#weights = updated;
    return { gradNorm };
  }

  async weights(): Promise<Tensors> {
    return toFloat32(this.#weights);
  }

  async setWeights(weights: Tensors): Promise<void> {
    this.setExactWeights(toFloat64(weights));
  }

  /** `setWeights` in full precision, for central differences. */
  setExactWeights(weights: Weights): void {
    checkTensors(weights, this.#shapes, 'weights');
    this.#weights = new Map(weights);
    this.#forwarded = undefined;
  }

  async optimizer(): Promise<OptimizerState> {
    return { step: this.#step, m: toFloat32(this.#m), v: toFloat32(this.#v) };
  }

  async setOptimizer(state: OptimizerState): Promise<void> {
    if (!Number.isInteger(state.step) || state.step < 0) {
      throw new ConfigError(`expected the optimizer's step to be a whole number from 0, found ${state.step}`);
    }
    checkTensors(state.m, this.#shapes, 'optimizer, first moments');
    checkTensors(state.v, this.#shapes, 'optimizer, second moments');
    this.#step = state.step;
    this.#m = toFloat64(state.m);
    this.#v = toFloat64(state.v);
  }

  sampler(options: ReferenceSamplerOptions): Sampler {
    const sampler = new ReferenceSampler(this.config, () => this.#weights, options);
    this.#samplers.add(sampler);
    return sampler;
  }

  async close(): Promise<void> {
    for (const sampler of this.#samplers) sampler.close();
    this.#samplers.clear();
    this.#forwarded = undefined;
  }

  #embedding(): Float64Array {
    return tensor(this.#weights, 'model.embed_tokens.weight');
  }

  /** (M, C) the hidden states that predict the targets. */
  #hidden({ pass, predictors }: Forwarded): Float64Array {
    const c = this.config.hiddenSize;
    const hidden = new Float64Array(predictors.length * c);
    for (const [m, n] of predictors.entries()) hidden.set(pass.hidden.subarray(n * c, (n + 1) * c), m * c);
    return hidden;
  }
}

function zeros(shapes: TensorShapes): Weights {
  return new Map([...shapes].map(([name, shape]) => [name, new Float64Array(size(shape))]));
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

function toFloat32(tensors: Weights): Tensors {
  return new Map([...tensors].map(([name, values]) => [name, Float32Array.from(values)]));
}

function toFloat64(tensors: Tensors): Weights {
  return new Map([...tensors].map(([name, values]) => [name, Float64Array.from(values)]));
}
