/**
 * A jest reporter that records how long each test file took, for `npm test -- --record`: on two idle cores,
 * please.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { findAdapter } from '../setup/adapter.js';
import { durations, file, nameOf, root } from './durations.js';

const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin', 'jest.js');

export default class RecordReporter {
  /** How much longer a file takes beside the others than with a core to itself. */
  #share;

  /** @param {{ readonly maxWorkers: number }} config jest's */
  constructor({ maxWorkers }) {
    this.#share = Math.max(1, maxWorkers / availableParallelism());
  }

  /**
   * @param {unknown} _contexts
   * @param {import('@jest/reporters').AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    if (results.numFailedTests + results.numRuntimeErrorTestSuites > 0) {
      process.stderr.write('durations are not recorded: every test must pass\n');
      return;
    }
    /** @type {Record<string, number>} */
    const seconds = { ...durations.seconds };
    for (const { testFilePath, perfStats, numPassingTests } of results.testResults) {
      // Of a file that was skipped nothing is known.
      if (numPassingTests === 0) continue;
      seconds[nameOf(testFilePath)] = Math.max(0.1, Math.round(perfStats.runtime / 100 / this.#share) / 10);
    }
    const all = new Set(list());
    const recorded = {
      machine: `${availableParallelism()} cores, ${findAdapter().adapter?.name}`,
      onBroker: list('--findRelatedTests', 'test/topics/kafka/broker.ts'),
      onAdapter: list('--findRelatedTests', 'test/device/on-device.ts'),
      seconds: Object.fromEntries(
        Object.entries(seconds)
          .filter(([name]) => all.has(name))
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    };
    writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`);
  }
}

/** @param {string[]} args @returns {string[]} */
function list(...args) {
  const { stdout } = spawnSync(process.execPath, [jest, ...args, '--listTests'], {
    cwd: root,
    encoding: 'utf8',
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(nameOf)
    .sort();
}
