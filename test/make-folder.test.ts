import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeFolder } from '../src/make-folder.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'swirl-folder-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('is made with those above it, and may be there already', () => {
  const folder = join(home, 'a', 'b c', 'd');
  makeFolder(folder);
  makeFolder(folder);
  makeFolder(join(folder, '..', 'e', '.'));
  expect([existsSync(folder), existsSync(join(home, 'a', 'b c', 'e'))]).toEqual([true, true]);
});

test('a file in its place, or above it, is an error', () => {
  const file = join(home, 'file');
  writeFileSync(file, '');
  expect(() => makeFolder(file)).toThrow(/EEXIST/);
  expect(() => makeFolder(join(file, 'in it'))).toThrow(/ENOTDIR/);
});

// Node's `mkdir` with `recursive` tries for ever there.
(existsSync('/proc/self') ? test : test.skip)('a folder that can hold none is an error at once', () => {
  expect(() => makeFolder('/proc/swirl/runs')).toThrow(/ENOENT.*\/proc\/swirl/);
});
