/**
 * A step's kernels as lines of a table: how often, how long, at what rate, and which share of what the
 * adapter can do.
 */
import type { KernelTime } from '../../src/device/profiler.ts';
import type { WatchedKernel } from './watch.ts';
import { type BatchWork, workOf } from './work.ts';

export interface Ceilings {
  /** FLOP/s of multiply-adds in registers. */
  readonly flops: number;
  /** Bytes per second, read and written, of a kernel that copies. */
  readonly bytes: number;
}

export function kernelLines(
  times: readonly KernelTime[],
  kernels: ReadonlyMap<string, WatchedKernel>,
  batch: BatchWork,
  ceilings: Ceilings,
): string[] {
  const all = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const lines = times.map(({ label, calls, milliseconds }) => {
    const { name, call } = kernels.get(label) ?? { name: label, call: [] };
    const seconds = milliseconds / 1000 / calls;
    const work = workOf(name, call, batch);
    const rate = !work
      ? ' | '
      : 'flops' in work
        ? `${(work.flops / seconds / 1e9).toFixed(1)} GFLOP/s | ${percent(work.flops / seconds / ceilings.flops)}`
        : `${(work.bytes / seconds / 1e9).toFixed(1)} GB/s | ${percent(work.bytes / seconds / ceilings.bytes)}`;
    return `${label} | ${calls} | ${(1e6 * seconds).toFixed(0)} | ${percent(milliseconds / all)} | ${rate}`;
  });
  return ['kernel | a step has | us each | share of the time | rate | share of the ceiling', ...lines];
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
