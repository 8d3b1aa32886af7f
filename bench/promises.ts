/**
 * The promises over many more random topologies than test/runtime/promises.test.ts has the time for. One that
 * fails is made smaller, and told with its seed and path: with both it is run again by itself. One that is not
 * done after two minutes counts as one that hangs.
 *
 *   npx tsx bench/promises.ts [runs] [seed] [path] [which of the three]
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { properties } from '../test/runtime/properties.ts';

const [runs = '100', seed = '0', path = '', which = ''] = process.argv.slice(2);
/** Logs are taken away after so many runs. */
const ROUND = 50;
const HANGS_MS = 120_000;

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'swirl-promises-'));
try {
  for (const [n, [name, property]] of Object.entries(properties(folder)).entries()) {
    if (which !== '' && Number(which) !== n) continue;
    let looked = 0;
    for (let done = 0; done < Number(runs); done += ROUND) {
      mkdirSync(folder, { recursive: true });
      const settings = { seed: Number(seed) + done, numRuns: Math.min(ROUND, Number(runs) - done) };
      const found = await fc.check(property as fc.IAsyncProperty<unknown>, {
        ...settings,
        timeout: HANGS_MS,
        // Made smaller for so long.
        interruptAfterTimeLimit: 600_000,
        ...(path !== '' && { path }),
      });
      if (found.failed) console.log(`${name}:\n${fc.defaultReportMessage(found)}`);
      rmSync(folder, { recursive: true, force: true });
      // A block ends with the first that fails: what comes after it was not looked at.
      looked += found.numRuns;
      console.log(`${n}: looked at ${looked}, seed ${settings.seed}${found.failed ? ' FAILED' : ''}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
