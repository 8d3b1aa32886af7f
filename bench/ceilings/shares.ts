/** A step's kernels as lines of a table: how often, how long, at what rate, and which share of what the adapter can do. */
import type { Recorded } from './record.ts';
import { type BatchWork, workOf } from './work.ts';

export interface Ceilings {
  /** FLOP/s of multiply-adds in registers. */
  readonly flops: number;
  /** Bytes per second, read and written, of a kernel that copies. */
  readonly bytes: number;
}

export const heading = 'kernel | launched | us each | share of the time | rate | share of the ceiling';

/** A line for each kernel and size, those first that take most of the time. `secondsOf` one of such that do the same. */
export async function kernelLines(
  launched: readonly Recorded[],
  batch: BatchWork,
  ceilings: Ceilings,
  secondsOf: (alike: readonly Recorded[], key: string) => Promise<number>,
): Promise<string[]> {
  const groups = new Map<string, Recorded[]>();
  for (const one of launched) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  const timed: { key: string; times: number; seconds: number; rate: string }[] = [];
  for (const [key, alike] of groups) {
    const seconds = await secondsOf(alike, key);
    const work = workOf(alike[0].name, alike[0].call, batch);
    const rate = !work
      ? ' | '
      : 'flops' in work
        ? `${(work.flops / seconds / 1e9).toFixed(1)} GFLOP/s | ${percent(work.flops / seconds / ceilings.flops)}`
        : `${(work.bytes / seconds / 1e9).toFixed(1)} GB/s | ${percent(work.bytes / seconds / ceilings.bytes)}`;
    timed.push({ key, times: alike.length, seconds, rate });
  }
  const all = timed.reduce((sum, { times, seconds }) => sum + times * seconds, 0);
  return timed
    .sort((a, b) => b.times * b.seconds - a.times * a.seconds)
    .map(
      ({ key, times, seconds, rate }) =>
        `${key} | ${times} | ${(1e6 * seconds).toFixed(0)} | ${percent((times * seconds) / all)} | ${rate}`,
    );
}

/** Launches that do the same amount of work have the same. */
function keyOf({ name, call }: Recorded): string {
  return name.startsWith('matmul') ? `${name}, ${4 * call[0]} to ${4 * call[1]}` : name;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
