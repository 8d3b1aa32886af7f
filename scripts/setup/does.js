/** Commands of set-up: programs that are not ours, and what it says of those that fail. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The longest that one command may take, in milliseconds: on a busy machine, behind a slow network. */
const LONGEST_MS = 1_200_000;

/**
 * Where a program is, or why it is not there.
 * @typedef {{ path: string, why: null } | { path: null, why: string }} Found
 */

/**
 * Runs a command in a folder; says its last words when it fails.
 * @param {readonly string[]} command
 * @param {{ cwd: string, say: (line: string) => void }} options
 */
export function does([file = '', ...args], { cwd, say }) {
  const done = spawnSync(file, args, {
    cwd,
    encoding: 'utf8',
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 26,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (done.status === 0) return true;
  const words = (done.error?.message ?? `${done.stdout}${done.stderr}`).trim().split('\n').slice(-5);
  say(`failed: ${[file, ...args].join(' ')}`);
  for (const line of words) say(`    ${line}`);
  return false;
}

/**
 * The interpreter of a Python environment that `makePython` has made.
 * @param {string} venv
 * @returns {string | null}
 */
export function pythonIn(venv) {
  return existsSync(join(venv, 'ready')) ? join(venv, 'bin', 'python') : null;
}

/**
 * Makes a Python environment with packages. Returns whether that went well.
 * @param {string} venv the folder
 * @param {readonly string[]} packages as pip takes them
 * @param {(line: string) => void} say
 */
export function makePython(venv, packages, say) {
  rmSync(venv, { recursive: true, force: true });
  mkdirSync(venv, { recursive: true });
  const pip = [join(venv, 'bin', 'pip'), 'install', '-q', '--disable-pip-version-check', ...packages];
  for (const command of [['python3', '-m', 'venv', venv], pip])
    if (!does(command, { cwd: venv, say })) return false;
  // Last, so that an environment that was cut off is made anew.
  writeFileSync(join(venv, 'ready'), '');
  return true;
}
