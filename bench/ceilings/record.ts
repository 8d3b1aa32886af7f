/** Takes down which kernels a piece of work launches, with what, and how long each took by the adapter's own clock. */
import type { Device } from '../../src/device/device.ts';
import { type Dispatch, type KernelCall, Kernels } from '../../src/policy/webgpu/kernels.ts';
import type { Launch } from './measure.ts';

export interface Recorded extends Launch {
  /** The kernel's file. */
  readonly name: string;
  /** Its `Call`. */
  readonly call: readonly number[];
  /** By timestamps, where they were asked for. */
  seconds?: number;
}

/** Pairs of timestamps in a query set; WebGPU allows 2048. */
const PAIRS = 2048;

const calls = new WeakMap<GPUBindGroup, { name: string; call: readonly number[] }>();

/** From now on every dispatch that is made is known by its bind group. Before engines are made. */
export function watchKernels(): void {
  const make = Kernels.prototype.dispatch;
  Kernels.prototype.dispatch = function (this: Kernels, name: string, call: KernelCall): Dispatch {
    const dispatch = make.call(this, name, call);
    calls.set(dispatch.bindGroup, { name, call: call.call ?? [] });
    return dispatch;
  };
}

/**
 * Everything that is launched on the device while `work` runs, in order. With `timestamps` each launch is a pass of its own, and
 * its time is read: the work as a whole is slower then.
 */
export async function record(
  device: Device,
  work: () => Promise<unknown>,
  { timestamps = false } = {},
): Promise<Recorded[]> {
  const launched: Recorded[] = [];
  const clocks: Clock[] = [];
  const submit = device.submit;
  device.submit = (commands) =>
    submit.call(device, (encoder) => {
      const first = launched.length;
      const begin = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = (descriptor) =>
        timestamps
          ? new ApartPass((one) => launchAlone(one), launched).asPass()
          : new ApartPass(() => {}, launched, begin(descriptor)).asPass();
      const launchAlone = (one: Recorded) => {
        const at = (launched.length - first) % PAIRS;
        if (at === 0) clocks.push(new Clock(device, launched.length));
        const { set: querySet } = clocks[clocks.length - 1];
        const pass = begin({
          timestampWrites: {
            querySet,
            beginningOfPassWriteIndex: 2 * at,
            endOfPassWriteIndex: 2 * at + 1,
          },
        });
        pass.setPipeline(one.pipeline);
        pass.setBindGroup(0, one.bindGroup);
        pass.dispatchWorkgroups(...one.workgroups);
        pass.end();
      };
      const before = clocks.length;
      commands(encoder);
      for (const clock of clocks.slice(before)) clock.resolve(encoder);
    });
  try {
    await work();
  } finally {
    device.submit = submit;
  }
  for (const clock of clocks) await clock.read(launched);
  return launched;
}

/** A pass that takes down what is launched in it. Without a real one behind it nothing is launched by itself. */
class ApartPass {
  readonly #launch: (one: Recorded) => void;
  readonly #launched: Recorded[];
  readonly #real: GPUComputePassEncoder | undefined;
  #pipeline: GPUComputePipeline | undefined;
  #bindGroup: GPUBindGroup | undefined;

  constructor(launch: (one: Recorded) => void, launched: Recorded[], real?: GPUComputePassEncoder) {
    this.#launch = launch;
    this.#launched = launched;
    this.#real = real;
  }

  /** The part of a pass that `encode` uses. */
  asPass(): GPUComputePassEncoder {
    return this as unknown as GPUComputePassEncoder;
  }

  setPipeline(pipeline: GPUComputePipeline): void {
    this.#pipeline = pipeline;
    this.#real?.setPipeline(pipeline);
  }

  setBindGroup(index: number, bindGroup: GPUBindGroup): void {
    this.#bindGroup = bindGroup;
    this.#real?.setBindGroup(index, bindGroup);
  }

  dispatchWorkgroups(x: number, y = 1, z = 1): void {
    if (!this.#pipeline || !this.#bindGroup) throw new Error('a dispatch without a pipeline');
    const known = calls.get(this.#bindGroup) ?? { name: 'unknown', call: [] };
    const workgroups = [x, y, z] as const;
    const one = { ...known, pipeline: this.#pipeline, bindGroup: this.#bindGroup, workgroups };
    this.#launch(one);
    this.#launched.push(one);
    this.#real?.dispatchWorkgroups(x, y, z);
  }

  end(): void {
    this.#real?.end();
  }
}

/** Pairs of timestamps for the launches from `first` on. */
class Clock {
  readonly set: GPUQuerySet;
  readonly #first: number;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  constructor({ gpu }: Device, first: number) {
    const size = 16 * PAIRS;
    this.#first = first;
    this.set = gpu.createQuerySet({ type: 'timestamp', count: 2 * PAIRS });
    this.#resolved = gpu.createBuffer({
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#staging = gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.set, 0, 2 * PAIRS, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, 16 * PAIRS);
  }

  async read(launched: Recorded[]): Promise<void> {
    await this.#staging.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(this.#staging.getMappedRange().slice(0));
    for (let pair = 0; pair < PAIRS && this.#first + pair < launched.length; pair++) {
      const [from, to] = [times[2 * pair], times[2 * pair + 1]];
      // A later submit's launches have a clock of their own.
      if (to > from) launched[this.#first + pair].seconds ??= Number(to - from) / 1e9;
    }
    for (const part of [this.set, this.#resolved, this.#staging]) part.destroy();
  }
}
