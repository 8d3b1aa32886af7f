/** Makes the profiler tell kernels apart by their sizes too, and remembers what each was called with. */
import type { Device } from '../../src/device/device.ts';
import { type KernelTime, Profiler } from '../../src/device/profiler.ts';
import { type Dispatch, type KernelCall, Kernels } from '../../src/engine/webgpu/kernels.ts';

export interface WatchedKernel {
  /** The kernel's file. */
  readonly name: string;
  /** Its `Call`. */
  readonly call: readonly number[];
}

/**
 * By the labels that dispatches have from now on: those with the same label do the same amount of work.
 * Before engines are made.
 */
export function watchKernels(): ReadonlyMap<string, WatchedKernel> {
  const kernels = new Map<string, WatchedKernel>();
  const make = Kernels.prototype.dispatch;
  Kernels.prototype.dispatch = function (this: Kernels, name: string, options: KernelCall): Dispatch {
    const { call = [] } = options;
    const label = name.startsWith('matmul') ? `${name}, ${4 * call[0]} to ${4 * call[1]}` : name;
    kernels.set(label, { name, call });
    return { ...make.call(this, name, options), label };
  };
  return kernels;
}

/** Times by label, of each the least of several rounds; none where the adapter has no timestamps. */
export async function kernelTimes(
  device: Device,
  rounds: number,
  work: () => Promise<unknown>,
): Promise<KernelTime[]> {
  if (!device.has('timestamp-query')) return [];
  const profiler = Profiler.start(device);
  const least = new Map<string, KernelTime>();
  for (let round = 0; round < rounds; round++) {
    await work();
    for (const time of await profiler.times()) {
      const before = least.get(time.label);
      if (!before || time.milliseconds < before.milliseconds) least.set(time.label, time);
    }
  }
  profiler.stop();
  return [...least.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
