/** The report of `npm run gpu`: what a program printed, how it ended, and that none holds up the next. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { report, type Step } from '../../scripts/gpu/report.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-gpu-'));
afterAll(() => rmSync(folder, { recursive: true }));

const step = (title: string, code: string, seconds = 600): Step => ({
  title,
  about: 'Something.',
  command: [process.execPath, '-e', code],
  seconds,
});

test('every step is there with its end: done, failed, out of time with what it had started, not startable', async () => {
  const file = join(folder, 'report.md');
  const said: string[] = [];
  const endless = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    console.log('begun'); setInterval(() => {}, 1000)`;
  const isWell = await report({
    steps: [
      step('first', "console.log('\\x1b[1m1.5 TFLOP/s\\x1b[0m ``` '); console.error('a warning')"),
      step('second', 'process.exit(7)'),
      step('endless', endless, 2),
      { ...step('missing', ''), command: [join(folder, 'nothing')] },
      step('long', "console.log('a'.repeat(5000) + ['the', 'middle'].join(' ') + 'b'.repeat(5000))"),
    ],
    ...{ file, heading: '# A report', longest: 1000, say: (line) => said.push(line) },
  });
  expect(isWell).toBe(false);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^# A report\n\n## first\n\nSomething\. .*: done after/);
  expect(text).toMatch(/````\n(1\.5 TFLOP\/s ``` \na warning|a warning\n1\.5 TFLOP\/s ```)/);
  expect(text).toContain('failed with 7 after');
  expect(text).toMatch(/its time was up: ended after/);
  expect(text).toContain('could not be started (spawn');
  expect(text).not.toContain('the middle');
  expect(text).toMatch(/… \d+ characters left out …/);
  expect(said.filter((line) => line.startsWith('endless'))).toHaveLength(2);
});
