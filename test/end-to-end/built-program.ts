/**
 * The command as it is published, for tests that start it often: JavaScript, which starts in half the time
 * that the sources take. It is built when the sources have changed; `.swirl/built/HASH` looks like the
 * package's folder.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const builds = join(root, '.swirl', 'built');
/** What the program reads of its package. */
const FOLDERS = ['assets', 'schemas', '.swirl'];
const FILES = ['package.json', 'topology.yaml'];
/** Builds of earlier sources are kept for so long, in milliseconds: another run of the tests may use them. */
const KEPT_MS = 24 * 3_600_000;

/** The path of the program, for node to run. */
export function builtProgram(): string {
  const folder = join(builds, hashOfSources());
  if (!existsSync(folder)) build(folder);
  return join(folder, 'dist', 'cli', 'main.js');
}

/** Puts the package as it is published, and others of the checkout's, where modules in the folder import them from. */
export function installPackages(folder: string, ...others: readonly string[]): void {
  const packages = join(folder, 'node_modules');
  mkdirSync(packages, { recursive: true });
  symlinkSync(join(builtProgram(), '..', '..', '..'), join(packages, 'swirl-rl'), 'junction');
  for (const name of others) symlinkSync(join(root, 'node_modules', name), join(packages, name), 'junction');
}

function build(folder: string): void {
  removeOld();
  // Aside, and renamed: another process may build as well.
  const aside = `${folder}.${process.pid}`;
  mkdirSync(aside, { recursive: true });
  const done = spawnSync(process.execPath, [join(root, 'scripts', 'build.js'), join(aside, 'dist')], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (done.status !== 0) throw new Error(`the program could not be built: ${done.stdout}${done.stderr}`);
  for (const name of FOLDERS) symlinkSync(join(root, name), join(aside, name), 'junction');
  for (const name of FILES) copyFileSync(join(root, name), join(aside, name));
  try {
    renameSync(aside, folder);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

function removeOld(): void {
  if (!existsSync(builds)) return;
  for (const name of readdirSync(builds)) {
    const path = join(builds, name);
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const settings = ['tsconfig.json', 'tsconfig.build.json', ...FILES].map((name) => join(root, name));
  for (const path of [...settings, ...sources])
    hash.update(path).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex').slice(0, 16);
}
