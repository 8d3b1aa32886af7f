/**
 * Deterministic merging. A topic with several producers, `turns`, has their records in the order in which
 * they happened to commit. Where the models are deterministic that order is made so too: its producers run
 * one at a time, a window each, always the first in the list that has something to do. Then the order of
 * every topic is a function of the questions' order and the configuration.
 */
import { sleep } from '../clock.ts';
import type { PartitionWorker } from './partition-worker.ts';

export interface Schedule {
  /** Those that there are now, highest priority first. */
  readonly workers: () => readonly PartitionWorker[];
  /** Runs one window of a worker; returns how many records it took. */
  readonly runWindow: (worker: PartitionWorker, waitMs: number) => Promise<number>;
  readonly stop: AbortSignal;
  readonly done: () => boolean;
  readonly waitMs: number;
}

/** After so many rounds in which nothing came the last worker waits longer: a run may rest for days. */
const IDLE_ROUNDS = 50;
const IDLE_WAIT_MS = 250;

/**
 * Runs the workers one after the other, highest priority first, until `stop` aborts or `done` says so. Each
 * takes at most a window and commits it, so a stop loses nothing.
 */
export async function runScheduled({ workers, runWindow, stop, done, waitMs }: Schedule): Promise<void> {
  for (let idle = 0; !stop.aborted && !done(); idle++) {
    const inOrder = workers();
    const longest = idle < IDLE_ROUNDS ? waitMs : Math.max(waitMs, IDLE_WAIT_MS);
    // All partitions may be on their way to or from other workers.
    if (inOrder.length === 0) await sleep(waitMs);
    for (const worker of inOrder) {
      // Only the last may wait: questions come from outside, everything else from these workers themselves.
      const taken = await runWindow(worker, worker === inOrder.at(-1) ? longest : 0);
      if (taken > 0) idle = 0;
      if (taken > 0 || stop.aborted) break;
    }
  }
}
