/**
 * Each kernel by itself: one step of the self-check's decoders is run dispatch by dispatch, and what a
 * dispatch leaves is compared with what float64 makes of what it was given. So an error is found where it
 * arises.
 */

import { type Binding, Readback } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { DecoderConfig } from '../config.ts';
import type { PackedRows } from '../engine.ts';
import type { MatmulChoice } from '../matmul-choice.ts';
import { DevicePolicy } from '../webgpu/device-policy.ts';
import { type Dispatch, encode } from '../webgpu/kernels.ts';
import { chooseMatmul } from '../webgpu/matmul/choose.ts';
import type { MatmulMethod } from '../webgpu/matmul-variants.ts';
import type { BatchSizes } from '../webgpu/memory/batch.ts';
import { prepareBatch, prepareDraws } from '../webgpu/memory/batch.ts';
import { fromStored, type NumberFormat } from '../webgpu/memory/number-format.ts';
import { ParameterBuffers } from '../webgpu/memory/parameter-buffers.ts';
import { capacityFor, defaultLogitBytes, Plan } from '../webgpu/memory/plan.ts';
import { Optimizer } from '../webgpu/optimizer.ts';
import { decoderBackward } from '../webgpu/passes/backward.ts';
import { TrainingOperations } from '../webgpu/passes/backward-operations.ts';
import { bodyForward, headForward, headSampling } from '../webgpu/passes/forward.ts';
import { ForwardOperations } from '../webgpu/passes/operations.ts';
import {
  advantages,
  type CheckedDecoder,
  checkAdamW,
  checkedDecoders,
  checkedDraws,
  checkedRows,
  startOf,
} from './cases.ts';
import { attentionOracles } from './kernels/attention.ts';
import { elementOracles } from './kernels/elements.ts';
import { headOracles } from './kernels/head.ts';
import { matmulOracles } from './kernels/matmul.ts';
import { normOracles } from './kernels/norms.ts';
import { optimizerOracles } from './kernels/optimizer.ts';
import type { KernelRun, Oracle } from './kernels/run.ts';

/**
 * Largest error that f32 explains, with room; matmuls are checked in that precision, whatever they are in a
 * policy.
 */
const KERNEL_TOLERANCE = 1e-4;

export interface KernelCheck {
  /** With the variant that the adapter takes, where there are several. */
  readonly name: string;
  readonly ok: boolean;
  /** How many dispatches were compared. */
  readonly dispatches: number;
  /** Of all numbers that they left: the largest difference, over the largest number of the same buffer. */
  readonly error: number;
}

const oracles: ReadonlyMap<string, Oracle> = new Map<string, Oracle>(
  Object.entries({
    ...{ ...elementOracles, ...normOracles, ...matmulOracles },
    ...{ ...attentionOracles, ...headOracles, ...optimizerOracles },
  }),
);

/**
 * Checks every kernel that training uses, with matmuls of the family that the adapter gets or of another.
 * `read` sees what was read back of a dispatch's buffers, and may change it.
 */
export async function checkKernels(
  device: Device,
  {
    read = () => {},
    family = 'auto',
  }: { readonly read?: (kernel: string, values: Float64Array) => void; readonly family?: MatmulChoice } = {},
): Promise<readonly KernelCheck[]> {
  const checks = new Map<string, KernelCheck>();
  const { matmul } = await chooseMatmul(device, { family });
  for (const decoder of checkedDecoders) {
    const step = await DecoderStep.of(device, decoder, matmul);
    try {
      for (const dispatch of step.dispatches()) {
        const { label } = dispatch;
        const files = dispatch.call.variant?.files.filter((file) => file !== label) ?? [];
        const name = files.length > 0 ? `${label} (${files.join(', ')})` : label;
        const error = await step.run(dispatch, (values) => read(dispatch.label, values));
        const before = checks.get(name) ?? { dispatches: 0, error: 0 };
        const worst = Math.max(error, before.error);
        const ok = worst <= KERNEL_TOLERANCE;
        checks.set(name, { name, ok, dispatches: before.dispatches + 1, error: worst });
      }
    } finally {
      step.destroy();
    }
  }
  return [...checks.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A decoder on the device, with the dispatches of one step: the same lists that the engine runs. */
class DecoderStep {
  readonly #device: Device;
  readonly #config: DecoderConfig;
  readonly #rows: PackedRows;
  readonly #policy: DevicePolicy;
  readonly #plan: Plan;
  /** As in sampling. */
  readonly #samplingPlan: Plan;
  readonly #gradients: ParameterBuffers;
  readonly #optimizer: Optimizer;
  readonly #readback: Readback;
  readonly #sizes: BatchSizes;
  readonly #recompute: boolean;

  static async of(device: Device, decoder: CheckedDecoder, matmul: MatmulMethod): Promise<DecoderStep> {
    const options = { ...decoder.options, matmul };
    const policy = new DevicePolicy(device, decoder.config, options, device.adapter);
    const { weights, trained } = startOf(decoder);
    await policy.weights.load(weights);
    policy.trainable.write(trained);
    return new DecoderStep(device, decoder, policy);
  }

  private constructor(device: Device, { options }: CheckedDecoder, policy: DevicePolicy) {
    const { config, kernels, shape, lora, limits, trainable, weights } = policy;
    this.#device = device;
    this.#config = config;
    this.#policy = policy;
    this.#rows = checkedRows(config);
    this.#recompute = options.recompute ?? false;
    const { positions } = this.#rows;
    const input = { ...this.#rows, bases: positions.map((position, n) => n - position) };
    const prepared = prepareBatch(input, shape, { backward: true });
    this.#sizes = prepared.sizes;
    const capacity = capacityFor(prepared.sizes, undefined);
    this.#plan = new Plan(device, {
      ...{ config, shape, lora, capacity, head: weights.slab('head') },
      kept: this.#recompute ? 'stream' : 'all',
      // Of the vocabulary a tile of 64 and one of the rest.
      logitBytes: 4 * 64 * capacity.targets,
    });
    this.#plan.write(prepared);
    this.#samplingPlan = new Plan(device, {
      ...{ config, shape, lora, capacity, head: weights.slab('head'), kept: 'none' },
      logitBytes: defaultLogitBytes,
    });
    this.#samplingPlan.write(prepareBatch(input, shape, { backward: false }));
    const { queue } = device.gpu;
    queue.writeBuffer(
      this.#samplingPlan.get('wanted'),
      0,
      prepareDraws(checkedDraws(this.#rows.targets.length)),
    );
    queue.writeBuffer(this.#plan.get('advantages'), 0, advantages(this.#rows.targets.length));
    this.#gradients = new ParameterBuffers(device, 'gradients', trainable.layout);
    this.#optimizer = new Optimizer(device, kernels, {
      ...{ weights: trainable, gradients: this.#gradients, limits },
    });
    this.#optimizer.configure(checkAdamW, 1);
    this.#readback = new Readback(device);
  }

  dispatches(): readonly Dispatch[] {
    const plan = this.#plan;
    const gradients = this.#gradients;
    const to = new TrainingOperations(
      { ...this.#policy.parts(), plan },
      this.#policy.lora ? { decoder: null, adapters: gradients } : { decoder: gradients, adapters: null },
    );
    const cache = this.#config.windows.map((_, layer) => ({
      ...{ ring: 0, keys: plan.get('keys', layer), values: plan.get('values', layer) },
    }));
    const sampling = new ForwardOperations({ ...this.#policy.parts(), plan: this.#samplingPlan });
    return [
      ...bodyForward(sampling, cache),
      ...headSampling(sampling),
      ...bodyForward(to, cache),
      ...headForward(to),
      ...decoderBackward(to, cache, { recompute: this.#recompute }),
      ...this.#optimizer.dispatches,
    ];
  }

  /** Runs a dispatch, and returns the largest error of what it left. */
  async run(dispatch: Dispatch, read: (values: Float64Array) => void): Promise<number> {
    const oracle = oracles.get(dispatch.label);
    if (!oracle) throw new Error(`the self-check knows no kernel ${dispatch.label}`);
    const { bindings, call = [], stored } = dispatch.call;
    const before: ArrayBuffer[] = [];
    for (const bound of bindings) before.push(await this.#read(bound));
    const expected = new Map<number, Float64Array>();
    const numbers = (binding: number, format: NumberFormat = 'f32') =>
      Float64Array.from(fromStored(new Uint8Array(before[binding]), format));
    const run: KernelRun = {
      ...{ config: this.#config, normed: this.#policy.shape.normed, rows: this.#rows },
      chunk: this.#policy.shape.normChunk,
      ...{ call, adamW: checkAdamW },
      // The stored matrix is the third binding of every kernel that has one.
      numbers: (binding) => numbers(binding, binding === 2 ? stored : undefined),
      expected: (binding) => {
        const values =
          expected.get(binding) ?? new Float64Array(before[binding].byteLength / 4).fill(Number.NaN);
        expected.set(binding, values);
        return values;
      },
    };
    oracle(run);
    this.#device.submit((encoder) => encode(encoder, [dispatch], this.#sizes));
    let worst = 0;
    for (const [binding, wanted] of expected) {
      const found = Float64Array.from(new Float32Array(await this.#read(bindings[binding])));
      read(found);
      worst = Math.max(worst, largestError(found, wanted));
    }
    return worst;
  }

  /** The bytes of a storage binding; uniforms cannot be read, and are known. */
  async #read(bound: GPUBuffer | Binding): Promise<ArrayBuffer> {
    const { buffer, offset = 0, size } = 'buffer' in bound ? bound : { buffer: bound };
    if ((buffer.usage & GPUBufferUsage.COPY_SRC) === 0) return new ArrayBuffer(0);
    return this.#readback.read(buffer, { offset, bytes: size ?? buffer.size - offset });
  }

  destroy(): void {
    this.#readback.destroy();
    this.#optimizer.destroy();
    this.#gradients.destroy();
    this.#plan.destroy();
    this.#samplingPlan.destroy();
    this.#policy.destroy();
    this.#device.sweep();
  }
}

/**
 * Where something is expected: the largest difference, over the largest number that is expected. NaN stays
 * NaN.
 */
function largestError(found: Float64Array, expected: Float64Array): number {
  let [worst, size] = [0, 0];
  for (const [i, value] of expected.entries()) {
    if (Number.isNaN(value)) continue;
    size = Math.max(size, Math.abs(value));
    worst = Math.max(worst, Math.abs(found[i] - value));
  }
  return size === 0 ? worst : worst / size;
}
