/**
 * Gets the programs that the tests of what a run tells others ask: Prometheus with promtool, TensorBoard, and
 * OpenTelemetry's own message definitions.
 *
 *   node scripts/monitor/programs.js
 *
 * They come into `.swirl/monitor`, without administrator's rights: Prometheus is Debian's or Ubuntu's package,
 * unpacked, the others Python environments. What is there already is left alone, and what cannot be had is said; the tests then
 * say it too.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { does, makePython, pythonIn } from '../setup/does.js';

/** @typedef {import('../setup/does.js').Found} Found */

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = join(root, '.swirl', 'monitor');
const HOW = 'node scripts/monitor/programs.js gets it';
const unpacked = join(folder, 'prometheus');

/** Packages of the Python environments, by what they are for. */
const PYTHONS = {
  tensorboard: ['tensorboard==2.21.0'],
  otlp: ['opentelemetry-proto==1.45.2'],
};

/**
 * @param {'prometheus' | 'promtool'} name
 * @returns {Found}
 */
export function prometheusProgram(name) {
  if (spawnSync(name, ['--version']).status === 0) return { path: name, why: null };
  const path = join(unpacked, 'usr', 'bin', name);
  return existsSync(path) ? { path, why: null } : { path: null, why: `there is no ${name}: ${HOW}` };
}

/**
 * An interpreter with TensorBoard, or with OpenTelemetry's messages.
 * @param {keyof typeof PYTHONS} what
 * @returns {Found}
 */
export function pythonFor(what) {
  const path = pythonIn(join(folder, what));
  return path === null
    ? { path, why: `there is no Python with ${PYTHONS[what].join(', ')}: ${HOW}` }
    : { path, why: null };
}

/** @param {(line: string) => void} say */
export function ensurePrometheus(say) {
  if (prometheusProgram('prometheus').path !== null && prometheusProgram('promtool').path !== null) return;
  if (spawnSync('apt-get', ['--version']).status !== 0 || spawnSync('dpkg', ['--version']).status !== 0) {
    say('Prometheus cannot be had here without apt and dpkg: install prometheus and promtool');
    return;
  }
  say("unpacking the distribution's package of Prometheus (about 20 MB), into .swirl");
  const aside = `${unpacked}.${process.pid}`;
  // Lists of packages of our own, where the system has none and for whoever may not write there.
  const own = ['Dir::State::Lists=lists', 'Dir::Cache=cache', 'Debug::NoLocking=1', 'Acquire::Retries=3'];
  const options = own.flatMap((option) => ['-o', option]);
  const quietly = { cwd: aside, say: () => {} };
  try {
    for (const name of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(aside, name), { recursive: true });
    const isFetched =
      does(['apt-get', '-q', 'download', 'prometheus'], quietly) ||
      (does(['apt-get', '-q', ...options, 'update'], { cwd: aside, say }) &&
        does(['apt-get', '-q', ...options, 'download', 'prometheus'], { cwd: aside, say }));
    const file = readdirSync(aside).find((name) => name.endsWith('.deb'));
    if (!isFetched || file === undefined) return;
    if (!does(['dpkg', '-x', file, 'whole'], { cwd: aside, say })) return;
    rmSync(unpacked, { recursive: true, force: true });
    renameSync(join(aside, 'whole'), unpacked);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/**
 * @param {keyof typeof PYTHONS} what
 * @param {(line: string) => void} say
 */
export function ensurePython(what, say) {
  if (pythonFor(what).path !== null) return;
  say(`making a Python environment with ${PYTHONS[what].join(', ')}, in .swirl`);
  makePython(join(folder, what), PYTHONS[what], say);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const say = (/** @type {string} */ line) => process.stderr.write(`monitor: ${line}\n`);
  mkdirSync(folder, { recursive: true });
  ensurePrometheus(say);
  ensurePython('tensorboard', say);
  ensurePython('otlp', say);
  const all = [
    prometheusProgram('prometheus'),
    prometheusProgram('promtool'),
    pythonFor('tensorboard'),
    pythonFor('otlp'),
  ];
  for (const { why } of all) {
    if (why === null) continue;
    say(why);
    process.exitCode = 1;
  }
  if (!process.exitCode) say('Prometheus, promtool, TensorBoard and the messages of OpenTelemetry are there');
}
