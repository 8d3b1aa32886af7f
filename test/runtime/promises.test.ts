/**
 * The promises of ARCHITECTURE.md over topologies, windows, partitions and interleavings of feed, run, stop and
 * kill that nobody thought of: Swirl's own stages as `pipeline.ts` puts them together, the loop with tools and
 * the training of a very small policy among them, and beside them stages of one's own, further filters and
 * further ends of the flow. What a run must hold in the end is computed from the questions alone. (Of kills by
 * signal, see test/end-to-end/crash.test.ts; of many more topologies, bench/promises.ts.)
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test } from '@jest/globals';
import fc from 'fast-check';
import { properties } from './properties.ts';

/** fast-check says which seed failed, and which path: give them to bench/promises.ts to see that again. */
const SEED = 20_261_129;
const RUNS = 5;

// Memory where the system has it: many small logs and checkpoints are written.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'swirl-promises-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const [name, property] of Object.entries(properties(folder))) {
  test(`${name} (seed ${SEED})`, async () => {
    await fc.assert(property as fc.IAsyncProperty<unknown>, { seed: SEED, numRuns: RUNS });
  });
}
