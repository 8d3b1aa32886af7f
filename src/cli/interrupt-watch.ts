/** SIGINTs that are heard while the event loop stands still, by a thread: see `interrupt-thread.js`. */
import { Worker } from 'node:worker_threads';

const HANDLED = 0;
const LISTENING = 1;

/** Of the process; begun with the first listener, and kept. */
let watch: Watch | null = null;
const listeners = new Set<() => void>();

interface Watch {
  readonly shared: Int32Array;
  /** Until then, and where there can be no thread, signals wait for the event loop. */
  readonly begun: Promise<void>;
}

/**
 * Calls `listener` at each SIGINT. Two that were not handled within a second end the process. Returns what
 * takes the listener away.
 */
export function watchInterrupts(listener: () => void): () => void {
  listeners.add(listener);
  watch ??= begin();
  const { shared } = watch;
  Atomics.store(shared, LISTENING, 1);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) Atomics.store(shared, LISTENING, 0);
  };
}

/** Waits until the thread of the listeners that there are hears signals. */
export async function interruptsHeard(): Promise<void> {
  await watch?.begun;
}

function begin(): Watch {
  const made = new Int32Array(new SharedArrayBuffer(8));
  const thread = new Worker(new URL('./interrupt-thread.js', import.meta.url), { workerData: made });
  const begun = new Promise<void>((resolve) => {
    thread.on('message', (said) => {
      if (said === 'begun') return resolve();
      Atomics.add(made, HANDLED, 1);
      Atomics.notify(made, HANDLED);
      for (const listener of [...listeners]) listener();
    });
    // Without it signals are handled as ever, once the event loop turns.
    thread.on('error', () => resolve());
  });
  thread.unref();
  return { shared: made, begun };
}
