/**
 * The decoder on WebGPU. The passes are lists of dispatches in webgpu/forward.ts and webgpu/backward.ts, the
 * kernels are in kernels/; this file keeps their state: weights, gradient, moments, and the batch's buffers.
 */
import { Buffers, Readback } from '../device/buffers.ts';
import { Device } from '../device/device.ts';
import { ConfigError, ModelError } from '../errors.ts';
import { checkTensors, type DecoderConfig, type TensorShapes } from './config.ts';
import type {
  AdamWOptions,
  Engine,
  OptimizerState,
  PackedRows,
  Sampler,
  SamplerOptions,
  Tensors,
} from './engine.ts';
import { checkRows } from './rows.ts';
import { decoderBackward } from './webgpu/backward.ts';
import { TrainingOperations } from './webgpu/backward-operations.ts';
import { prepareBatch } from './webgpu/batch.ts';
import { DevicePolicy } from './webgpu/device-policy.ts';
import { bodyForward, headForward } from './webgpu/forward.ts';
import type { BatchSizes, Dispatch } from './webgpu/kernels.ts';
import { Optimizer } from './webgpu/optimizer.ts';
import { flatten, unflatten } from './webgpu/parameters.ts';
import { capacityFor, Plan } from './webgpu/plan.ts';
import { WebgpuSampler } from './webgpu/sampler.ts';

export interface WebGpuEngineOptions {
  /** Most bytes of one tile of logits; where the vocabulary needs more, the head works tile by tile. */
  readonly logitBytes?: number;
}

/** An engine with these weights. Throws `DeviceError` without an adapter, `ConfigError` where the weights do not fit. */
export async function createWebGpuEngine(
  config: DecoderConfig,
  weights: Tensors,
  options: WebGpuEngineOptions = {},
): Promise<Engine> {
  const device = await Device.shared();
  const engine = new WebgpuEngine(device, config, options.logitBytes ?? 2 ** 29);
  try {
    await engine.setWeights(weights);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** The buffers of a batch with the two lists over them; remade when a batch outgrows them. */
interface Passes {
  readonly plan: Plan;
  readonly forward: readonly Dispatch[];
  readonly backward: readonly Dispatch[];
  /** Makes the logits again, for a second backward pass on one forward pass. */
  readonly logits: readonly Dispatch[];
}

class WebgpuEngine implements Engine {
  readonly config: DecoderConfig;
  readonly device: string;
  readonly lora = null;
  readonly #device: Device;
  readonly #logitBytes: number;
  readonly #policy: DevicePolicy;
  readonly #buffers: Buffers<'gradient'>;
  readonly #optimizer: Optimizer;
  readonly #readback: Readback;
  readonly #samplers = new Set<WebgpuSampler>();
  #passes: Passes | undefined;
  /** Of the last forward, until the weights change. */
  #forwarded: BatchSizes | undefined;
  /** The backward pass turns the logits into their gradient in place. */
  #logitsKept = false;
  #step = 0;
  /** Calls run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(device: Device, config: DecoderConfig, logitBytes: number) {
    this.config = config;
    this.#logitBytes = logitBytes;
    this.device = device.adapter.name;
    this.#device = device;
    this.#policy = new DevicePolicy(device, config);
    const { layout, kernels, weights } = this.#policy;
    this.#buffers = new Buffers(device, 'engine', new Map([['gradient', 4 * layout.length]]));
    this.#optimizer = new Optimizer(device, kernels, {
      weights,
      gradients: this.#buffers.get('gradient'),
      length: layout.length,
    });
    this.#readback = new Readback(device);
  }

  get trainable(): TensorShapes {
    return this.#policy.shapes;
  }

  async forwardBase(_rows: PackedRows): Promise<Float32Array> {
    throw new Error('forwardBase is for engines with adapters');
  }

  forward(rows: PackedRows): Promise<Float32Array> {
    return this.#inTurn(async () => {
      checkRows(rows, this.config);
      const input = { ...rows, bases: rows.positions.map((position, n) => n - position) };
      const prepared = prepareBatch(input, this.#policy.shape, { backward: true });
      const { plan, forward } = this.#passesFor(prepared.sizes);
      plan.write(prepared);
      this.#policy.run(forward, prepared.sizes);
      const logprobs = await this.#readback.read(plan.get('logprobs'), {
        bytes: 4 * rows.targets.length,
        work: { kind: 'forward', amount: rows.tokens.length },
      });
      this.#forwarded = prepared.sizes;
      this.#logitsKept = true;
      return new Float32Array(logprobs);
    });
  }

  backward(weights: Float32Array): Promise<void> {
    return this.#inTurn(async () => {
      const passes = this.#passes;
      const sizes = this.#forwarded;
      if (!passes || !sizes) throw new Error('backward needs a forward since the weights last changed');
      if (weights.length !== sizes.targets) {
        throw new RangeError(`expected ${sizes.targets} weights, one per target, found ${weights.length}`);
      }
      this.#device.gpu.queue.writeBuffer(passes.plan.get('weights'), 0, Float32Array.from(weights));
      this.#device.submit((encoder) => encoder.clearBuffer(passes.plan.get('dstream')));
      this.#policy.run([...(this.#logitsKept ? [] : passes.logits), ...passes.backward], sizes);
      this.#logitsKept = false;
      const { queue } = this.#device.gpu;
      const work = { kind: 'backward', amount: sizes.tokens };
      await this.#device.untilWorked(work, () => queue.onSubmittedWorkDone());
    });
  }

  gradients(): Promise<Tensors> {
    return this.#inTurn(() => this.#readTensors(this.#buffers.get('gradient')));
  }

  /** Throws `ModelError`, with the weights as they were, where the gradient is not finite. */
  update(options: AdamWOptions): Promise<{ readonly gradNorm: number }> {
    return this.#betweenSamples(async () => {
      this.#forwarded = undefined;
      this.#optimizer.configure(options, this.#step + 1);
      this.#policy.run(this.#optimizer.dispatches, noBatch);
      const gradNorm = new Float32Array(await this.#readback.read(this.#optimizer.norm, { bytes: 4 }))[0];
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
    return this.#inTurn(() => this.#readTensors(this.#policy.weights));
  }

  setWeights(weights: Tensors): Promise<void> {
    return this.#betweenSamples(async () => {
      checkTensors(weights, this.#policy.shapes, 'weights');
      this.#forwarded = undefined;
      this.#device.gpu.queue.writeBuffer(this.#policy.weights, 0, flatten(this.#policy.layout, weights));
    });
  }

  optimizer(): Promise<OptimizerState> {
    return this.#inTurn(async () => ({
      step: this.#step,
      m: await this.#readTensors(this.#optimizer.m),
      v: await this.#readTensors(this.#optimizer.v),
    }));
  }

  setOptimizer(state: OptimizerState): Promise<void> {
    return this.#inTurn(async () => {
      if (!Number.isInteger(state.step) || state.step < 0) {
        throw new ConfigError(
          `expected the optimizer's step to be a whole number from 0, found ${state.step}`,
        );
      }
      checkTensors(state.m, this.#policy.shapes, 'optimizer, first moments');
      checkTensors(state.v, this.#policy.shapes, 'optimizer, second moments');
      this.#step = state.step;
      const { queue } = this.#device.gpu;
      queue.writeBuffer(this.#optimizer.m, 0, flatten(this.#policy.layout, state.m));
      queue.writeBuffer(this.#optimizer.v, 0, flatten(this.#policy.layout, state.v));
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
    this.#buffers.destroy();
    this.#optimizer.destroy();
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

  #passesFor(sizes: BatchSizes): Passes {
    if (this.#passes?.plan.holds(sizes)) return this.#passes;
    const before = this.#passes?.plan.capacity;
    this.#passes?.plan.destroy();
    this.#passes = undefined;
    const capacity = capacityFor(sizes, before);
    const { config, shape, layout, kernels, turns } = this.#policy;
    const plan = new Plan(this.#device, {
      ...{ config, shape, capacity, training: true },
      logitBytes: this.#logitBytes,
    });
    const gradients = this.#buffers.get('gradient');
    const parameters = this.#policy.weights;
    const to = new TrainingOperations({ config, shape, layout, kernels, plan, turns, parameters, gradients });
    const cache = Array.from({ length: config.layers }, (_, layer) => ({
      ring: 0,
      keys: plan.get('keys', layer),
      values: plan.get('values', layer),
    }));
    this.#passes = {
      plan,
      forward: [...bodyForward(to, cache), ...headForward(to)],
      backward: decoderBackward(to, cache),
      // With several tiles the backward pass makes them itself.
      logits: plan.tiles.length === 1 ? [to.headLogits(plan.tiles[0])] : [],
    };
    return this.#passes;
  }

  async #readTensors(buffer: GPUBuffer): Promise<Tensors> {
    const { layout, shapes } = this.#policy;
    const flat = new Float32Array(await this.#readback.read(buffer, { bytes: 4 * layout.length }));
    return unflatten(layout, flat, shapes.keys());
  }
}

const noBatch: BatchSizes = { tokens: 0, targets: 0, segments: 0, chunks: 0, queryBlocks: 0, keyBlocks: 0 };
