/**
 * Runs the tests: `npm test -- [jest's arguments]`. The last line it prints is `N passed, N failed`, with
 * `, N skipped` after it where tests were skipped; the exit code says the same.
 *
 *   --quick    those that answer within two minutes: `npm run test:quick`
 *   --record   all, and records how long each file takes (scripts/test/durations.js)
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureKafka, isFetched, missing } from './kafka/fetch.js';
import { needsBroker } from './needs-broker.js';
import { findAdapter } from './setup/adapter.js';
import { nameOf } from './test/durations.js';
import { quick } from './test/quick.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin', 'jest.js');

const OWN = ['--quick', '--record'];
const given = process.argv.slice(2);
const args = given.filter((arg) => !OWN.includes(arg));
if (args.includes('--help')) {
  console.log(`npm run test:quick           those that answer within two minutes
npm test -- test/topology    those of a folder or a file
npm test -- --record         all, and records how long each file takes (for the estimate and the order)
Every other option is jest's:
`);
}
if (given.includes('--quick')) args.push('--runTestsByPath', ...quick(testFiles()));

if (process.env.CI === 'true') {
  const found = findAdapter();
  if (found.adapter === null) {
    console.error(`CI=true: the tests of the WebGPU engine must run, but there is no adapter (${found.why})`);
    finish({ passed: 0, failed: 1, skipped: 0 }, 1);
  }
}

// Before the tests, whose time is limited, and only for those that need it. Where Java or Maven is missing,
// the tests on a broker say so.
if (!isFetched() && missing() === null && needsBroker({ jest, root, args })) {
  try {
    ensureKafka((line) => console.error(line));
  } catch (error) {
    console.error(`The tests on a Kafka broker will fail: ${/** @type {Error} */ (error).message}`);
  }
}

// One more than there are cores, as tests on a broker wait for much; and memory for a few.
const workers = Math.min(4, availableParallelism() + 1);
const folder = mkdtempSync(join(tmpdir(), 'swirl-test-'));
const counts = join(folder, 'counts.json');
const run = spawnSync(process.execPath, [jest, `--maxWorkers=${workers}`, ...args], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    // Read by scripts/count-reporter.js.
    SWIRL_TEST_COUNTS: counts,
    // Read by jest.config.js.
    ...(given.includes('--record') ? { SWIRL_TEST_RECORD: 'true' } : {}),
    // For ES modules in jest's workers too, which Dawn's binding is.
    NODE_OPTIONS:
      `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
  },
});
const counted = readCounts();
rmSync(folder, { recursive: true, force: true });
for (const [reason, count] of Object.entries(counted?.reasons ?? {})) {
  console.error(`skipped ${count}: ${reason}`);
}
// Without counts no test ran: asked for help or a list (exit code 0), or jest itself broke.
if (counted === null && run.status === 0) process.exit(0);
if (counted === null) finish({ passed: 0, failed: 1, skipped: 0 }, run.status || 1);
else finish(counted, run.status ?? 1);

/** @returns {string[]} the names of all test files */
function testFiles() {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => nameOf(join(root, 'test', path)));
}

function readCounts() {
  try {
    return JSON.parse(readFileSync(counts, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * @param {{ passed: number, failed: number, skipped: number }} counts
 * @param {number} code
 * @returns {never}
 */
function finish({ passed, failed, skipped }, code) {
  // Jest fails for other reasons too (a test file that does not load, coverage): the line must not say
  // otherwise.
  const failures = code !== 0 && failed === 0 ? 1 : failed;
  console.log(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(failures > 0 ? code || 1 : 0);
}
