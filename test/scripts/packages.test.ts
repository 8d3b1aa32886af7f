import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { outOfDate } from '../../scripts/setup/packages.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'swirl-packages-test-'));
  write('package-lock.json', {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/dev': { version: '2.0.0', dev: true },
    'node_modules/a-win32': { version: '1.0.0', optional: true },
  });
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, packages: Record<string, object>): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), JSON.stringify({ packages }));
}

function install(packages: Record<string, { version: string }>): void {
  write('node_modules/.package-lock.json', packages);
  for (const folder of Object.keys(packages)) write(`${folder}/package.json`, {});
}

describe('whether the packages must be installed', () => {
  test('where there are none', () => {
    expect(outOfDate(root, false)).toBe('no packages yet');
  });

  test('not where those of the lockfile are there; other platforms and, unless asked for, development count for nothing', () => {
    install({ 'node_modules/a': { version: '1.0.0' } });
    expect(outOfDate(root, false)).toBeNull();
    expect(outOfDate(root, true)).toBe('node_modules/dev is missing');
    install({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/dev': { version: '2.0.0' } });
    expect(outOfDate(root, true)).toBeNull();
    expect(outOfDate(root, false)).toBeNull();
  });

  test('where one has another version, or its folder is gone', () => {
    install({ 'node_modules/a': { version: '1.0.1' } });
    expect(outOfDate(root, false)).toBe('node_modules/a is 1.0.1, the lockfile has 1.0.0');
    install({ 'node_modules/a': { version: '1.0.0' } });
    rmSync(join(root, 'node_modules/a'), { recursive: true });
    expect(outOfDate(root, false)).toBe('node_modules/a is missing');
  });

  test('a checkout without a lockfile is said to be incomplete', () => {
    rmSync(join(root, 'package-lock.json'));
    expect(() => outOfDate(root, false)).toThrow('the checkout is incomplete');
  });
});
