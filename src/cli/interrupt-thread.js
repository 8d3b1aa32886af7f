/**
 * A thread that takes the process's SIGINTs, as signal handlers wait for the event loop, which long work may
 * hold for minutes. It tells the main thread when it begins, and of each; where that has not handled two of them within a second,
 * the process is ended. A script of `node:vm` that is broken off by SIGINT is how a thread hears of one.
 *
 * `workerData` is shared: how many were handled, and whether anybody listens.
 */
import { writeSync } from 'node:fs';
import { createContext, Script } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';

/** How long the main thread may take to handle the first of two, in milliseconds. */
const PATIENCE_MS = 1_000;
const [HANDLED, LISTENING] = [0, 1];

/** @type {Int32Array} */
const shared = workerData;
const context = createContext({ shared, Atomics });
const waiting = new Script('for (;;) Atomics.wait(shared, 1, 1, 60_000)');
let signals = 0;
parentPort?.postMessage('begun');

for (;;) {
  try {
    waiting.runInContext(context, { breakOnSigint: true });
  } catch {
    // Between two of these scripts, SIGINT does what it does where nobody listens: it ends the process.
    if (Atomics.load(shared, LISTENING) === 0) process.kill(process.pid, 'SIGINT');
    signals++;
    parentPort?.postMessage('SIGINT');
    const before = signals - 2;
    if (before >= 0 && Atomics.load(shared, HANDLED) <= before) {
      Atomics.wait(shared, HANDLED, before, PATIENCE_MS);
      if (Atomics.load(shared, HANDLED) <= before) {
        writeSync(2, '\nstopped at once by a second SIGINT, in the middle of long work; nothing is lost\n');
        process.kill(process.pid, 'SIGINT');
      }
    }
  }
}
