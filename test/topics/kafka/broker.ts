/** Brokers for tests: one that all test files share, and ones of their own for tests that break them. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from '@jest/globals';
import { startBroker } from '../../../scripts/kafka/broker.js';
import { ensureKafka, missing } from '../../../scripts/kafka/fetch.js';
import { until } from '../../patience.ts';

const launcher = fileURLToPath(new URL('../../../scripts/kafka/test-broker.js', import.meta.url));

/**
 * Declares tests that need a real broker. Without Java or Maven they are skipped and say why; under CI that
 * is a failure.
 */
export function withKafka(name: string, declare: () => void): void {
  const why = missing();
  if (why === null) describe(name, declare);
  else if (process.env.CI === 'true') {
    test(`${name}: a broker`, () => {
      throw new Error(`CI=true: the tests on a real broker must run, but ${why}`);
    });
  } else describe.skip(`${name} (skipped: ${why})`, declare);
}

/**
 * The address of the broker that all files share, started by the first that asks; or that of a cluster of
 * your own, which `SWIRL_TEST_BROKER` names (it must allow sessions of 500 ms: group.min.session.timeout.ms).
 */
export async function sharedBroker(): Promise<string> {
  const own = process.env.SWIRL_TEST_BROKER;
  if (own !== undefined) return own;
  const { SWIRL_TEST_KAFKA: folder, SWIRL_TEST_JEST: jest } = process.env;
  if (folder === undefined || jest === undefined) throw new Error('scripts/jest-setup.js has not run');
  if (made(folder)) {
    spawn(process.execPath, [launcher, folder, jest], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, NODE_OPTIONS: '' },
    }).unref();
  }
  const outcome = join(folder, 'outcome.json');
  await until(`a broker in ${folder}`, () => existsSync(outcome), { everyMs: 50 });
  const { address, error } = JSON.parse(readFileSync(outcome, 'utf8')) as Record<string, string | undefined>;
  if (address === undefined) throw new Error(`the shared broker did not start: ${error}`);
  return address;
}

/** A broker of this test's own, which it may kill and start again. */
export async function ownBroker(settings: Record<string, string | number> = {}) {
  const data = mkdtempSync(join(tmpdir(), 'swirl-broker-'));
  const start = () => startBroker({ libs: ensureKafka(() => {}), data, settings });
  let broker = await start();
  return {
    address: broker.address,
    pid: () => broker.pid,
    kill: () => broker.kill(),
    restart: async () => {
      broker = await start();
    },
    cleanup: async () => {
      await broker.kill();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Whether this call made the folder: of all that ask at once, one starts the broker. */
function made(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
