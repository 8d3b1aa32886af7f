/** Moments and the AdamW update on the device: norm of the gradient in two ordered passes, then one dispatch. */
import { Buffers, createUniform } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { AdamWOptions } from '../engine.ts';
import type { Dispatch, Kernels } from './kernels.ts';

/** At most so many partial sums, which a single invocation adds up. */
const partials = 2048;
const workgroupSize = 64;

export class Optimizer {
  readonly #device: Device;
  readonly #buffers: Buffers<'m' | 'v' | 'partials' | 'norm'>;
  readonly #settings: GPUBuffer;
  readonly dispatches: readonly Dispatch[];

  /** `length` numbers in each of `weights` and `gradients`. */
  constructor(
    device: Device,
    kernels: Kernels,
    { weights, gradients, length }: { weights: GPUBuffer; gradients: GPUBuffer; length: number },
  ) {
    this.#device = device;
    this.#buffers = new Buffers(
      device,
      'optimizer',
      new Map([
        ['m', 4 * length],
        ['v', 4 * length],
        ['partials', 4 * partials],
        ['norm', 4],
      ]),
    );
    this.#settings = createUniform(device, 'optimizer.settings', 32);
    const run = Math.max(64, Math.ceil(length / partials));
    const count = Math.ceil(length / run);
    const groups = Math.ceil(length / workgroupSize);
    // Wide enough for a dimension of 65535; the kernel computes its index from both.
    const columns = Math.min(groups, 32768);
    this.dispatches = [
      kernels.dispatch('square-sums', {
        constants: { LENGTH: length, RUN: run },
        bindings: [gradients, this.#buffers.get('partials')],
        workgroups: () => [Math.ceil(count / workgroupSize)],
      }),
      kernels.dispatch('gradient-norm', {
        constants: { COUNT: count },
        bindings: [this.#buffers.get('partials'), this.norm],
        workgroups: () => [1],
      }),
      kernels.dispatch('adamw', {
        constants: { LENGTH: length },
        bindings: [this.#settings, this.norm, weights, gradients, this.m, this.v],
        workgroups: () => [columns, Math.ceil(groups / columns)],
      }),
    ];
  }

  get m(): GPUBuffer {
    return this.#buffers.get('m');
  }

  get v(): GPUBuffer {
    return this.#buffers.get('v');
  }

  /** One number: the norm of the gradient that was last used. */
  get norm(): GPUBuffer {
    return this.#buffers.get('norm');
  }

  /** For the `step`-th update, from 1. */
  configure(options: AdamWOptions, step: number): void {
    const { learningRate, beta1, beta2 } = options;
    const settings = Float32Array.of(
      learningRate,
      beta1,
      beta2,
      options.epsilon,
      1 - learningRate * options.weightDecay,
      Math.min(options.clipNorm, 3e38),
      1 - beta1 ** step,
      1 - beta2 ** step,
    );
    this.#device.gpu.queue.writeBuffer(this.#settings, 0, settings);
  }

  destroy(): void {
    this.#buffers.destroy();
    this.#settings.destroy();
  }
}
