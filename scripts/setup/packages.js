/** The npm packages, exactly as `package-lock.json` names them. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Installs the packages where they are missing or not those of the lockfile.
 *
 * @param {{ root: string, dev: boolean, say: (line: string) => void }} options `dev`: the development ones too
 * @returns {number} 0, or the exit code of the npm that failed
 */
export function ensurePackages({ root, dev, say }) {
  const reason = outOfDate(root, dev);
  if (reason === null) return 0;
  // None of the packages needs its install script, so none is run: the same result with any npm.
  const command = [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    dev ? '--include=dev' : '--omit=dev',
  ];
  say(`${reason}: npm ${command.join(' ')}`);
  const started = performance.now();
  // Aside, because `npm ci` begins by removing the packages that are there: a Swirl that runs goes on with
  // those until the new ones take their place, and so it does after a set-up that was broken off.
  const aside = join(root, '.swirl', `packages.${process.pid}`);
  prepare(root, aside);
  try {
    let code = npm(command, aside, say);
    // Where the folder cannot be renamed, as a mount cannot, it is filled where it is.
    if (code === 0 && !exchange(join(root, 'node_modules'), join(aside, 'node_modules'))) {
      code = npm(command, root, say);
    }
    if (code !== 0) return code;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  const missing = outOfDate(root, dev);
  if (missing !== null) {
    say(`npm ci succeeded, yet: ${missing}. Remove node_modules and try again.`);
    return 1;
  }
  say(`packages installed in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return 0;
}

/**
 * What npm reads, in a folder of its own; those of set-ups that were broken off go.
 *
 * @param {string} root
 * @param {string} aside
 */
function prepare(root, aside) {
  const parent = dirname(aside);
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith('packages.'))) {
    rmSync(join(parent, name), { recursive: true, force: true });
  }
  mkdirSync(aside);
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
    if (existsSync(join(root, name))) copyFileSync(join(root, name), join(aside, name));
  }
}

/**
 * Puts a folder in the place of another.
 *
 * @param {string} place
 * @param {string} made
 * @returns {boolean} false: it could not be done, and nothing has changed
 */
function exchange(place, made) {
  const old = `${made}.old`;
  const there = existsSync(place);
  try {
    if (there) renameSync(place, old);
  } catch {
    return false;
  }
  // npm makes no folder where there is nothing to install.
  if (!existsSync(made)) return true;
  try {
    renameSync(made, place);
    return true;
  } catch {
    if (there) renameSync(old, place);
    return false;
  }
}

/**
 * Runs npm and says how it failed; its own output goes to stderr, for the reason given in setup.js.
 *
 * @param {string[]} command
 * @param {string} cwd
 * @param {(line: string) => void} say
 * @returns {number} its exit code
 */
function npm(command, cwd, say) {
  const done = spawnNpm(command, cwd);
  if (done.status === 0) return 0;
  const how =
    done.error?.message ?? (done.signal ? `was ended by ${done.signal}` : `ended with ${done.status}`);
  say(
    `npm ci ${how}. Without network access to the npm registry the packages cannot be had; its log is named above.`,
  );
  return done.status || 1;
}

/**
 * @param {string[]} command
 * @param {string} cwd
 */
function spawnNpm(command, cwd) {
  /** @type {import('node:child_process').StdioOptions} */
  const stdio = ['ignore', 2, 2];
  const self = process.env.npm_execpath;
  // Under `npm run` the npm that runs us; yarn and pnpm set the variable too, but know no `ci`.
  if (self !== undefined && /npm-cli\.c?js$/.test(self)) {
    return spawnSync(process.execPath, [self, ...command], { cwd, stdio });
  }
  return spawnSync('npm', command, { cwd, stdio, shell: process.platform === 'win32' });
}

/**
 * Why the packages must be installed, or null. npm keeps the lockfile of what it really installed in
 * `node_modules`; packages for other platforms are rightly missing from it.
 *
 * @param {string} root
 * @param {boolean} dev
 * @returns {string | null}
 */
export function outOfDate(root, dev) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  if (wanted === null)
    throw new Error(`expected a lockfile at ${join(root, 'package-lock.json')}: the checkout is incomplete`);
  const found = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (found === null) return 'no packages yet';
  for (const [folder, entry] of Object.entries(wanted)) {
    const there = found[folder];
    const due = folder !== '' && !entry.optional && !entry.devOptional && (dev || !entry.dev);
    if (due && (there === undefined || !existsSync(join(root, folder, 'package.json'))))
      return `${folder} is missing`;
    if (there !== undefined && there.version !== entry.version) {
      return `${folder} is ${there.version}, the lockfile has ${entry.version}`;
    }
  }
  return null;
}

/**
 * @param {string} path of a lockfile
 * @returns {Record<string, { version?: string, dev?: boolean, optional?: boolean, devOptional?: boolean }> | null}
 */
function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages ?? {};
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT' || error instanceof SyntaxError)
      return null;
    throw error;
  }
}
