/**
 * Moments and the AdamW update on the device: norm of the gradient in two ordered passes, then the update.
 * Parameters are taken in flat ranges, each as large as a kernel may bind; gaps between tensors are zero and
 * stay zero.
 */
import { Buffers, createUniform, type Readback } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { TensorShapes } from '../config.ts';
import type { AdamWOptions, OptimizerState } from '../engine.ts';
import { type Dispatch, inTwoDimensions, type Kernels } from './kernels.ts';
import { ParameterBuffers } from './memory/parameter-buffers.ts';
import type { BufferLimits } from './memory/parameters.ts';
import { overRows } from './row-kernels.ts';

/** At most this many partial sums, and one more for each range, which a last row adds up. */
const partials = 2048;
const workgroupSize = 64;

export class Optimizer {
  readonly #device: Device;
  readonly #m: ParameterBuffers;
  readonly #v: ParameterBuffers;
  readonly #buffers: Buffers<'partials' | 'norm'>;
  readonly #settings: GPUBuffer;
  readonly dispatches: readonly Dispatch[];

  constructor(
    device: Device,
    kernels: Kernels,
    {
      weights,
      gradients,
      limits,
    }: { weights: ParameterBuffers; gradients: ParameterBuffers; limits: BufferLimits },
  ) {
    this.#device = device;
    const { layout } = weights;
    this.#m = new ParameterBuffers(device, 'moments1', layout);
    this.#v = new ParameterBuffers(device, 'moments2', layout);
    this.#settings = createUniform(device, 'optimizer.settings', 32);
    const run = Math.max(64, Math.ceil(layout.length / partials));
    let count = 0;
    const ranges = weights.ranges(limits.largestBinding).map((range) => {
      const length = range.size / 4;
      const first = count;
      count += Math.ceil(length / run);
      return { range, length, first };
    });
    this.#buffers = new Buffers(
      device,
      'optimizer',
      new Map([
        ['partials', 4 * count],
        ['norm', 4],
      ]),
    );
    const sums = this.#buffers.get('partials');
    this.dispatches = [
      ...ranges.map(({ range, length, first }) =>
        kernels.dispatch('square-sums', {
          ...overRows('square-sums', kernels, () => Math.ceil(length / run)),
          call: [length, run, first],
          bindings: [gradients.bindRange(range), sums],
        }),
      ),
      kernels.dispatch('gradient-norm', {
        ...overRows('gradient-norm', kernels, () => 1),
        call: [count],
        bindings: [sums, this.norm],
      }),
      ...ranges.map(({ range, length }) => {
        const groups = inTwoDimensions(Math.ceil(length / workgroupSize));
        const state = [weights, gradients, this.#m, this.#v].map((buffers) => buffers.bindRange(range));
        return kernels.dispatch('adamw', {
          call: [length],
          bindings: [this.#settings, this.norm, ...state],
          workgroups: () => groups,
        });
      }),
    ];
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

  async moments(names: TensorShapes, readback: Readback): Promise<Pick<OptimizerState, 'm' | 'v'>> {
    return { m: await this.#m.read(names, readback), v: await this.#v.read(names, readback) };
  }

  setMoments({ m, v }: Pick<OptimizerState, 'm' | 'v'>): void {
    this.#m.write(m);
    this.#v.write(v);
  }

  destroy(): void {
    this.#m.destroy();
    this.#v.destroy();
    this.#buffers.destroy();
    this.#settings.destroy();
  }
}
