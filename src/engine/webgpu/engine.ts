/**
 * The decoder on WebGPU. The passes are lists of dispatches in passes/forward.ts and passes/backward.ts, the
 * kernels are in ../kernels/; this file keeps their state: weights, gradient, moments, and the batch's
 * buffers.
 */
import { Readback } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { ConfigError, ModelError } from '../../errors.ts';
import { checkTensors, type DecoderConfig, type TensorShapes, tensorShapes } from '../config.ts';
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
import { sourceOf } from '../weight-source.ts';
import { DevicePolicy } from './device-policy.ts';
import type { Dispatch } from './kernels.ts';
import { openWithMatmul } from './matmul/choose.ts';
import type { MatmulMethod } from './matmul-variants.ts';
import type { BatchSizes } from './memory/batch.ts';
import { prepareBatch } from './memory/batch.ts';
import { checkMemory, memoryOf } from './memory/memory-advice.ts';
import { ParameterBuffers } from './memory/parameter-buffers.ts';
import type { BufferLimits } from './memory/parameters.ts';
import { capacityFor, defaultLogitBytes, Plan } from './memory/plan.ts';
import { Optimizer } from './optimizer.ts';
import { decoderBackward } from './passes/backward.ts';
import { TrainingOperations } from './passes/backward-operations.ts';
import { bodyForward, headForward, type KeysAndValues } from './passes/forward.ts';
import { ForwardOperations } from './passes/operations.ts';
import { WebgpuSampler } from './sampler.ts';

export interface WebGpuEngineOptions extends EngineOptions {
  /**
   * Most bytes of one tile of logits; where the vocabulary needs more, the head works tile by tile, and samplers
   * draw for so many samples at once as fit.
   */
  readonly logitBytes?: number;
  /**
   * Bind at most this many bytes of weights at once, and hold as many in a buffer; what the adapter can
   * otherwise.
   */
  readonly weightLimits?: BufferLimits;
}

/**
 * An engine with these weights; with `lora` its adapters are 0 until they are set. Throws `DeviceError`
 * without an adapter, and before anything is allocated `ConfigError` where the weights do not fit the shape,
 * or the plan of memory the adapter.
 */
export async function createWebGpuEngine(
  config: DecoderConfig,
  weights: Tensors | WeightSource,
  options: WebGpuEngineOptions = {},
): Promise<Engine> {
  if (weights instanceof Map) checkTensors(weights, tensorShapes(config), 'weights');
  const { matmul: family = 'auto', precision = 'f32' } = options;
  const { device, matmul } = await openWithMatmul({ family, precision });
  const { batchTokens = null, sampling = null } = options;
  checkMemory({ config, options, batchTokens, sampler: sampling }, memoryOf(device.adapter));
  const engine = new WebgpuEngine(device, config, { ...options, matmul });
  try {
    await engine.load(sourceOf(weights));
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** The buffers of a batch with the lists over them; remade when a batch outgrows them. */
interface Passes {
  readonly plan: Plan;
  readonly forward: readonly Dispatch[];
  /** Without the adapters. */
  readonly base: readonly Dispatch[];
  readonly backward: () => readonly Dispatch[];
  /** Makes the logits again, for a second backward pass on one forward pass. */
  readonly logits: readonly Dispatch[];
}

/** What is there only while training: made at the first backward pass, or when it is asked for. */
interface Trained {
  readonly gradients: ParameterBuffers;
  readonly optimizer: Optimizer;
}

class WebgpuEngine implements Engine {
  readonly config: DecoderConfig;
  readonly lora: LoraShape | null;
  readonly trainable: TensorShapes;
  readonly device: string;
  readonly #device: Device;
  readonly #logitBytes: number;
  readonly #recompute: boolean;
  readonly #trains: boolean;
  readonly #batchTokens: number;
  readonly #policy: DevicePolicy;
  readonly #readback: Readback;
  readonly #samplers = new Set<WebgpuSampler>();
  #trained: Trained | undefined;
  #passes: Passes | undefined;
  /** Of the last forward, until the weights change. */
  #forwarded: BatchSizes | undefined;
  /** The backward pass turns the logits into their gradient in place. */
  #logitsKept = false;
  #step = 0;
  /** Calls run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    device: Device,
    config: DecoderConfig,
    options: Omit<WebGpuEngineOptions, 'matmul'> & { readonly matmul: MatmulMethod },
  ) {
    this.#policy = new DevicePolicy(device, config, options, options.weightLimits ?? device.adapter);
    this.config = { ...config, maxPositions: this.#policy.config.maxPositions };
    this.lora = this.#policy.lora;
    this.trainable = this.lora ? adapterShapes(config, this.lora) : tensorShapes(config);
    this.#logitBytes = options.logitBytes ?? defaultLogitBytes;
    this.#recompute = options.recompute ?? false;
    this.#trains = options.training ?? true;
    this.#batchTokens = options.batchTokens ?? Number.POSITIVE_INFINITY;
    this.device = device.adapter.name;
    this.#device = device;
    this.#readback = new Readback(device);
  }

  /** Fills the decoder's own weights. */
  load(source: WeightSource): Promise<void> {
    return this.#inTurn(() => this.#policy.weights.load(source));
  }

  forward(rows: PackedRows): Promise<Float32Array> {
    return this.#inTurn(async () => {
      const { logprobs, sizes } = await this.#forward(rows, 'forward');
      this.#forwarded = sizes;
      this.#logitsKept = true;
      return logprobs;
    });
  }

  forwardBase(rows: PackedRows): Promise<Float32Array> {
    return this.#inTurn(async () => {
      if (!this.lora) throw new Error('forwardBase is for engines with adapters');
      this.#forwarded = undefined;
      return (await this.#forward(rows, 'base')).logprobs;
    });
  }

  backward(advantages: Float32Array): Promise<void> {
    return this.#inTurn(async () => {
      const passes = this.#passes;
      const sizes = this.#forwarded;
      if (!passes || !sizes) throw new Error('backward needs a forward since the weights last changed');
      if (advantages.length !== sizes.targets) {
        throw new RangeError(
          `expected ${sizes.targets} advantages, one per target, found ${advantages.length}`,
        );
      }
      this.#device.gpu.queue.writeBuffer(passes.plan.get('advantages'), 0, Float32Array.from(advantages));
      this.#device.submit((encoder) => encoder.clearBuffer(passes.plan.get('dstream')));
      this.#policy.run([...(this.#logitsKept ? [] : passes.logits), ...passes.backward()], sizes);
      this.#logitsKept = false;
      const { queue } = this.#device.gpu;
      const work = { kind: 'backward', amount: sizes.tokens };
      await this.#device.untilWorked(work, () => queue.onSubmittedWorkDone());
    });
  }

  gradients(): Promise<Tensors> {
    return this.#inTurn(() => this.#training().gradients.read(this.trainable, this.#readback));
  }

  /** Throws `ModelError`, with the weights as they were, where the gradient is not finite. */
  update(options: AdamWOptions): Promise<{ readonly gradNorm: number }> {
    return this.#betweenSamples(async () => {
      const { optimizer } = this.#training();
      this.#forwarded = undefined;
      optimizer.configure(options, this.#step + 1);
      const norm = await this.#readback.read(optimizer.norm, {
        bytes: 4,
        submit: (copy) => this.#policy.run(optimizer.dispatches, noBatch, copy),
      });
      const gradNorm = new Float32Array(norm)[0];
      if (!Number.isFinite(gradNorm)) {
        throw new ModelError(
          `expected a finite gradient, found one of norm ${gradNorm}; the weights are unchanged`,
        );
      }
      this.#step += 1;
      return { gradNorm };
    });
  }

  weights(): Promise<Tensors> {
    return this.#inTurn(() => this.#policy.trainable.read(this.trainable, this.#readback));
  }

  setWeights(weights: Tensors): Promise<void> {
    return this.#betweenSamples(async () => {
      checkTensors(weights, this.trainable, this.lora ? 'adapters' : 'weights');
      this.#forwarded = undefined;
      this.#policy.trainable.write(weights);
    });
  }

  optimizer(): Promise<OptimizerState> {
    return this.#inTurn(async () => ({
      step: this.#step,
      ...(await this.#training().optimizer.moments(this.trainable, this.#readback)),
    }));
  }

  setOptimizer(state: OptimizerState): Promise<void> {
    return this.#inTurn(async () => {
      if (!Number.isInteger(state.step) || state.step < 0) {
        throw new ConfigError(
          `expected the optimizer's step to be a whole number from 0, found ${state.step}`,
        );
      }
      checkTensors(state.m, this.trainable, 'optimizer, first moments');
      checkTensors(state.v, this.trainable, 'optimizer, second moments');
      this.#step = state.step;
      this.#training().optimizer.setMoments(state);
    });
  }

  sampler(options: SamplerOptions): Sampler {
    const sampler = new WebgpuSampler(this.#policy, options, {
      logitBytes: this.#logitBytes,
      onClose: () => this.#samplers.delete(sampler),
    });
    this.#samplers.add(sampler);
    return sampler;
  }

  async close(): Promise<void> {
    const samplers = [...this.#samplers];
    for (const sampler of samplers) sampler.close();
    await Promise.all(samplers.map((sampler) => sampler.hold()));
    await this.#queue;
    this.#passes?.plan.destroy();
    this.#trained?.gradients.destroy();
    this.#trained?.optimizer.destroy();
    this.#readback.destroy();
    this.#policy.destroy();
    this.#device.sweep();
  }

  /** Runs after the calls before it, whether they failed or not. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Runs while no sample is under way: a sample keeps the weights that it started with. */
  #betweenSamples<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const samplers = [...this.#samplers];
      await Promise.all(samplers.map((sampler) => sampler.hold()));
      try {
        return await work();
      } finally {
        for (const sampler of samplers) sampler.release();
      }
    });
  }

  async #forward(rows: PackedRows, list: 'forward' | 'base') {
    checkRows(rows, this.config);
    const input = { ...rows, bases: rows.positions.map((position, n) => n - position) };
    const prepared = prepareBatch(input, this.#policy.shape, { backward: true });
    const passes = this.#passesFor(prepared.sizes);
    passes.plan.write(prepared);
    const logprobs = await this.#readback.read(passes.plan.get('logprobs'), {
      bytes: 4 * rows.targets.length,
      work: { kind: 'forward', amount: rows.tokens.length },
      submit: (copy) => this.#policy.run(passes[list], prepared.sizes, copy),
    });
    return { logprobs: new Float32Array(logprobs), sizes: prepared.sizes };
  }

  #training(): Trained {
    if (!this.#trains) throw new Error('the engine was made without training');
    if (!this.#trained) {
      const { trainable, kernels, limits } = this.#policy;
      const gradients = new ParameterBuffers(this.#device, 'gradients', trainable.layout);
      const optimizer = new Optimizer(this.#device, kernels, { weights: trainable, gradients, limits });
      this.#trained = { gradients, optimizer };
    }
    return this.#trained;
  }

  #passesFor(sizes: BatchSizes): Passes {
    if (this.#passes?.plan.holds(sizes)) return this.#passes;
    const before = this.#passes?.plan.capacity;
    this.#passes?.plan.destroy();
    this.#passes = undefined;
    const most = this.#batchTokens;
    const capacity = capacityFor(sizes, before, { tokens: most, targets: most });
    const { config, shape, lora, weights } = this.#policy;
    const plan = new Plan(this.#device, {
      ...{ config, shape, lora, capacity, head: weights.slab('head'), logitBytes: this.#logitBytes },
      kept: this.#recompute ? 'stream' : 'all',
    });
    const to = new ForwardOperations({ ...this.#policy.parts(), plan });
    const base = new ForwardOperations({ ...this.#policy.parts({ base: true }), plan });
    const cache = Array.from({ length: config.layers }, (_, layer) => ({
      ring: 0,
      keys: plan.get('keys', layer),
      values: plan.get('values', layer),
    }));
    let backward: readonly Dispatch[] | undefined;
    this.#passes = {
      plan,
      forward: [...bodyForward(to, cache), ...headForward(to)],
      base: lora ? [...bodyForward(base, cache), ...headForward(base)] : [],
      backward: () => {
        backward ??= this.#backwardOf(plan, cache);
        return backward;
      },
      // With several tiles the backward pass makes them itself.
      logits: plan.tiles.length === 1 ? [to.headLogits(plan.tiles[0])] : [],
    };
    return this.#passes;
  }

  /** Made at the first backward pass: an engine that only scores needs no gradients and moments. */
  #backwardOf(plan: Plan, cache: readonly KeysAndValues[]): readonly Dispatch[] {
    const { gradients } = this.#training();
    const to = new TrainingOperations(
      { ...this.#policy.parts(), plan },
      this.lora ? { decoder: null, adapters: gradients } : { decoder: gradients, adapters: null },
    );
    return decoderBackward(to, cache, { recompute: this.#recompute });
  }
}

const noBatch: BatchSizes = { tokens: 0, targets: 0, segments: 0, chunks: 0, queryBlocks: 0, keyBlocks: 0 };
