/** Set-up that runs several times at once, or is killed, or meets packages that are in use. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../patience.ts';

const scripts = new URL('../../scripts/setup/', import.meta.url).href;
let root: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'swirl-setup-test-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** A checkout with a lockfile of one package, which needs no registry. */
function checkout(version: string): void {
  const source = join(root, 'source', version);
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'package.json'), JSON.stringify({ name: 'dep', version, main: 'index.js' }));
  writeFileSync(join(source, 'index.js'), `module.exports = '${version}';\n`);
  execFileSync('npm', ['pack', '--silent'], { cwd: source });
  const resolved = `file:${join(source, `dep-${version}.tgz`)}`;
  const itself = { name: 'x', version: '1.0.0', dependencies: { dep: resolved } };
  const packages = { '': itself, 'node_modules/dep': { version, resolved } };
  const lockfile = { ...itself, lockfileVersion: 3, requires: true, packages };
  writeFileSync(join(root, 'package.json'), JSON.stringify(itself));
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lockfile));
}

/** A process that sets this checkout up, as scripts/setup.js does, and tells what it says. */
function setUp(inside = ''): { child: ChildProcess; ended: Promise<{ code: number | null; said: string }> } {
  const code = `
    import { alone } from '${scripts}alone.js';
    import { ensurePackages } from '${scripts}packages.js';
    const say = (line) => console.log(line);
    process.exit(await alone({ root: ${JSON.stringify(root)}, say }, async () => {
      ${inside}
      return ensurePackages({ root: ${JSON.stringify(root)}, dev: false, say });
    }));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'ignore'],
    // A cache of its own: what cannot be had is not found in an earlier one.
    env: { ...process.env, NODE_OPTIONS: '', npm_config_cache: join(root, 'cache') },
  });
  children.push(child);
  let said = '';
  child.stdout?.on('data', (text) => {
    said += text;
  });
  const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.once('close', (status) => resolve({ code: status, said }));
  });
  return { child, ended };
}

const installed = () => readFileSync(join(root, 'node_modules/dep/index.js'), 'utf8');
const leftovers = () => readdirSync(join(root, '.swirl')).filter((name) => name.startsWith('packages.'));

describe('set-up', () => {
  test('three at once: one works, the others wait and find it done', async () => {
    checkout('1.0.0');
    const ends = await Promise.all([setUp(), setUp(), setUp()].map(({ ended }) => ended));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(ends.filter(({ said }) => said.includes('npm ci')).length).toBe(1);
    expect(installed()).toContain('1.0.0');
    expect(leftovers()).toEqual([]);
  });

  test('one that is killed at its work lets the next one work', async () => {
    checkout('1.0.0');
    const flag = join(root, 'begun');
    const first = setUp(`
      const { writeFileSync } = await import('node:fs');
      writeFileSync(${JSON.stringify(flag)}, '');
      await new Promise((resolve) => setTimeout(resolve, 1e9));`);
    await until('the first to begin', () => existsSync(flag));
    const second = setUp();
    let waits = '';
    second.child.stdout?.on('data', (text) => {
      waits += text;
    });
    await until('the second to say that it waits', () => waits.includes('waiting'));
    first.child.kill('SIGKILL');
    expect(await second.ended).toMatchObject({ code: 0 });
    expect(installed()).toContain('1.0.0');
  });

  test('packages stay until the new ones are whole: what was broken off, and what cannot be had, harms nothing', async () => {
    checkout('1.0.0');
    expect((await setUp().ended).code).toBe(0);
    checkout('2.0.0');
    rmSync(join(root, 'source', '2.0.0'), { recursive: true });
    // As a set-up leaves it that was killed while npm worked.
    mkdirSync(join(root, '.swirl', 'packages.1', 'node_modules'), { recursive: true });
    const { code, said } = await setUp().ended;
    expect(code).not.toBe(0);
    expect(said).toContain('node_modules/dep is 1.0.0, the lockfile has 2.0.0');
    expect(installed()).toContain('1.0.0');
    expect(leftovers()).toEqual([]);
    checkout('2.0.0');
    expect((await setUp().ended).code).toBe(0);
    expect(installed()).toContain('2.0.0');
    expect((await import(pathToFileURL(join(root, 'node_modules/dep/index.js')).href)).default).toBe('2.0.0');
  });
});
