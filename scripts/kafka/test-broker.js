/**
 * The broker that all test files of one jest run share: a process of its own, which ends with jest however
 * jest ends. `node test-broker.js FOLDER PID`: the broker's data go into FOLDER, and it lives as long as
 * process PID.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startBroker } from './broker.js';
import { ensureKafka } from './fetch.js';

const [folder = '', pid = ''] = process.argv.slice(2);
const WATCH_MS = 250;

/** Says how it went in a file that appears whole. @param {object} outcome */
function tell(outcome) {
  writeFileSync(join(folder, 'outcome.tmp'), JSON.stringify(outcome));
  renameSync(join(folder, 'outcome.tmp'), join(folder, 'outcome.json'));
}

/** @returns {boolean} */
function watchedLives() {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}

try {
  const broker = await startBroker({ libs: ensureKafka(() => {}), data: join(folder, 'data') });
  tell({ address: broker.address });
  while (watchedLives()) await delay(WATCH_MS);
  await broker.kill();
  rmSync(folder, { recursive: true, force: true });
} catch (error) {
  tell({ error: /** @type {Error} */ (error).message });
}
