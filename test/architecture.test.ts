/**
 * Rules of the house that the linter cannot state; import cycles, stages' imports and lengths of modules are
 * in biome.json.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('..', import.meta.url));

function filesUnder(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length)),
  );
}

describe('the layout', () => {
  test('no file is named for being left over', () => {
    const leftOver = /^(utils?|common|types|helpers?|misc|shared)\b/;
    expect(
      filesUnder('src', 'test', 'bench', 'scripts').filter((path) => leftOver.test(basename(path))),
    ).toEqual([]);
  });

  test('no kernel, prompt or page is longer than 400 lines, nor any module', () => {
    const long = filesUnder('src', 'test', 'bench', 'scripts', 'bin')
      .filter((path) => /\.(ts|js|wgsl|txt|html|css)$/.test(path) && !path.endsWith('.generated.ts'))
      .filter((path) => !path.startsWith('test/fixtures'))
      .filter((path) => readFileSync(join(root, path), 'utf8').split('\n').length > 401);
    expect(long).toEqual([]);
  });

  test('tests stand where the sources stand', () => {
    const folders = (path: string) =>
      readdirSync(join(root, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name !== 'fixtures')
        .map((entry) => entry.name);
    const known = [...folders('src'), 'scripts', 'bench', 'docker', 'end-to-end'];
    expect(folders('test').filter((name) => !known.includes(name))).toEqual([]);
  });
});

test('no test has a time limit of its own: a busy machine exceeds it (test/patience.ts)', () => {
  const limit =
    /jest\.setTimeout\(|AbortSignal\.timeout\(|^\s*\},?\s*[\d_]{4,}\s*,?\s*\)|^ *[\d_]{4,},\n *\);/m;
  const limited = filesUnder('test')
    .filter((path) => path.endsWith('.ts') && !path.endsWith('architecture.test.ts'))
    .filter((path) => limit.test(readFileSync(join(root, path), 'utf8')));
  expect(limited).toEqual([]);
});

test('the lockfile names the packages of every platform: npm ci refuses it otherwise', () => {
  interface Entry {
    readonly optionalDependencies?: Record<string, string>;
  }
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Entry>;
  };
  const names = new Set(
    Object.keys(lock.packages).map((folder) => folder.slice(folder.lastIndexOf('node_modules/') + 13)),
  );
  const wanted = Object.values(lock.packages).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}),
  );
  expect(wanted.length).toBeGreaterThan(0);
  expect(wanted.filter((name) => !names.has(name))).toEqual([]);
});
