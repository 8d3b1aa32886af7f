/** Commands that are printed are to be typed: a shell must read them as what they say. */
import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ownName, shellWord } from '../../src/cli/own-name.ts';

test('plain words stay as they are; what a shell would read otherwise is in quotes', () => {
  for (const word of ['runs/main', '--set', 'budget.requests=N', 'C:/a', './-x'])
    expect(shellWord(word)).toBe(word);
  expect(shellWord('my runs/main')).toBe("'my runs/main'");
  expect(shellWord('verdict.label == "BAD"')).toBe(`'verdict.label == "BAD"'`);
  expect(shellWord('')).toBe("''");
  expect(shellWord(String.raw`C:\my runs`, 'win32')).toBe(String.raw`"C:\my runs"`);
  expect(shellWord(String.raw`C:\runs`, 'win32')).toBe(String.raw`C:\runs`);
});

test('how Swirl was started stands before it, in quotes too', () => {
  expect(ownName(['node', '/usr/bin/swirl'], {})).toBe('swirl');
  expect(ownName(['node', '/x/.bin/swirl'], { npm_command: 'exec' })).toBe('npx swirl');
  expect(ownName(['node', '/a b/bin/swirl.js'], {})).toMatch(/^node '.*a b\/bin\/swirl\.js'$/);
});

const noShell = process.platform === 'win32' ? ' (skipped: Windows has no sh)' : '';
(noShell === '' ? test : test.skip)(`a shell gives every word back${noShell}`, () => {
  const words = fc.sample(
    fc.string({ unit: 'grapheme' }).filter((word) => !word.includes('\0')),
    { numRuns: 300, seed: 1 },
  );
  const { stdout } = spawnSync(
    'sh',
    ['-c', `printf '%s\\0' ${words.map((word) => shellWord(word)).join(' ')}`],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout.split('\0').slice(0, -1)).toEqual(words);
});
