/**
 * Deterministic merging. A topic with several producers, `turns`, has their records in the order in which they
 * happened to commit. Where the models are deterministic that order is made so too: its producers take
 * turns, one window at a time, always the first in the list that has something to do. Then the order
 * of every topic is a function of the questions' order and the configuration.
 */
import type { PartitionWorker } from './partition-worker.ts';

/**
 * Runs the workers in turns, highest priority first, until `stop` aborts or `done` says so. Each turn takes
 * at most a window and commits it, so a stop loses nothing.
 */
export async function takeTurns(
  workers: () => readonly PartitionWorker[],
  options: { readonly stop: AbortSignal; readonly done: () => boolean; readonly waitMs: number },
): Promise<void> {
  const { stop, done, waitMs } = options;
  while (!stop.aborted && !done()) {
    const inOrder = workers();
    for (const worker of inOrder) {
      // Only the last may wait: questions come from outside, everything else from these workers themselves.
      const taken = await worker.turn(worker === inOrder.at(-1) ? waitMs : 0);
      if (taken > 0 || stop.aborted) break;
    }
  }
}
