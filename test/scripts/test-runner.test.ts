import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-runner-test-'));
  writeFileSync(join(folder, 'package.json'), '{}');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs scripts/test.js over the test files of the folder. */
function run(files: Record<string, string>, env: Record<string, string> = {}) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const config = { rootDir: folder, reporters: [join(scripts, 'count-reporter.js')] };
  const { CI: _, ...inherited } = process.env;
  const done = spawnSync(process.execPath, [join(scripts, 'test.js'), '--config', JSON.stringify(config)], {
    encoding: 'utf8',
    env: { ...inherited, ...env },
  });
  return { code: done.status, last: done.stdout.trimEnd().split('\n').at(-1), stderr: done.stderr };
}

test('the last line counts what passed, failed and was skipped; a file that does not load has failed', () => {
  const mixed = "test('a', () => {}); test('b', () => { throw new Error('no'); }); test.skip('c', () => {});";
  const { code, last } = run({ 'mixed.test.js': mixed, 'broken.test.js': 'this is not a test' });
  expect(last).toBe('1 passed, 2 failed, 1 skipped');
  expect(code).toBe(1);
});

test('tests that were skipped say why, once for each reason', () => {
  const skipping = `
    describe.skip('a broker (skipped: there is no \`java\`; get it (apt-get install it))', () => {
      test('a', () => {});
      test('b', () => {});
    });
    test('c', () => {});`;
  const { code, last, stderr } = run({ 'skipping.test.js': skipping });
  expect(stderr).toContain('skipped 2: there is no `java`; get it (apt-get install it)\n');
  expect(last).toBe('1 passed, 0 failed, 2 skipped');
  expect(code).toBe(0);
});

test('all passed', () => {
  const { code, last } = run({ 'good.test.js': "test('a', () => {}); test('b', () => {});" });
  expect(last).toBe('2 passed, 0 failed');
  expect(code).toBe(0);
});

test('finding no test at all is a failure', () => {
  const { code, last } = run({});
  expect(last).toBe('0 passed, 1 failed');
  expect(code).toBe(1);
});

// Only Vulkan's loader can be told to find nothing; Metal and Direct3D are always there.
const whereVulkan = process.platform === 'linux' ? test : test.skip;
whereVulkan('in CI a missing adapter is a failure, before any test can be skipped for it', () => {
  const files = { 'good.test.js': "test('a', () => {});" };
  const { code, last, stderr } = run(files, { CI: 'true', VK_DRIVER_FILES: '/nonexistent' });
  expect(stderr).toContain('there is no adapter');
  expect(last).toBe('0 passed, 1 failed');
  expect(code).toBe(1);
});
