/** SIGINTs that are heard while the event loop stands still, by a thread: see `interrupt-thread.js`. */
import { Worker } from 'node:worker_threads';

const HANDLED = 0;
const LISTENING = 1;

/** Of the process; begun with the first listener, and kept. */
let shared: Int32Array | null = null;
const listeners = new Set<() => void>();

/**
 * Calls `listener` at each SIGINT. Two that were not handled within a second end the process. Returns what
 * takes the listener away.
 */
export function watchInterrupts(listener: () => void): () => void {
  listeners.add(listener);
  shared ??= begin();
  Atomics.store(shared, LISTENING, 1);
  return () => {
    listeners.delete(listener);
    if (shared !== null && listeners.size === 0) Atomics.store(shared, LISTENING, 0);
  };
}

function begin(): Int32Array {
  const made = new Int32Array(new SharedArrayBuffer(8));
  const thread = new Worker(new URL('./interrupt-thread.js', import.meta.url), { workerData: made });
  thread.on('message', () => {
    Atomics.add(made, HANDLED, 1);
    Atomics.notify(made, HANDLED);
    for (const listener of [...listeners]) listener();
  });
  // Without it signals are handled as ever, once the event loop turns.
  thread.on('error', () => {});
  thread.unref();
  return made;
}
