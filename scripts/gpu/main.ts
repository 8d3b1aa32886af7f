/**
 * `npm run gpu`: what Swirl does on this machine's GPU, in at most ten minutes and in one file to read, or to
 * send. On a software adapter everything runs in small, which shows that it works and says nothing of a GPU.
 *
 *   npm run gpu [-- --out FILE] [--only doctor,matmul]
 *
 * SWIRL_PYTHON: a Python with torch and transformers, to compare with.
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Device } from '../../src/device/device.ts';
import { report, type Step } from './report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bench = (name: string, ...args: string[]): Step['command'] => [
  process.execPath,
  ...['--expose-gc', '--import', 'tsx', `bench/${name}.ts`, ...args],
];
const swirl = (...args: string[]): Step['command'] => [process.execPath, 'bin/swirl.js', ...args];

const STEPS: Readonly<Record<string, Step>> = {
  doctor: {
    title: 'doctor',
    about: 'Every kernel against float64, the adapter and its limits.',
    command: swirl('doctor'),
    seconds: 90,
  },
  matmul: {
    title: 'matmul',
    about: 'The families of matmul kernels in turn, GFLOP/s by timestamps.',
    command: bench('matmul'),
    seconds: 90,
  },
  profile: {
    title: 'profile',
    about: 'Where the time of a training and of a decoding step goes.',
    command: bench('profile'),
    seconds: 90,
  },
  lora: {
    title: 'lora',
    about: 'A LoRA step of the 2b shape (a tiny one on a software adapter), against PyTorch in bf16.',
    command: bench('gpu', '--one', '--rounds', '3'),
    seconds: 210,
  },
  demo: {
    title: 'demo',
    about: 'The whole flow, and what it learns.',
    command: swirl('demo', '--folder', 'runs/gpu-demo'),
    seconds: 120,
  },
};

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'gpu-report.md' }, only: { type: 'string' } },
});
const asked = values.only?.split(',') ?? Object.keys(STEPS);
const unknown = asked.filter((name) => !Object.hasOwn(STEPS, name));
if (unknown.length > 0) {
  process.stderr.write(
    `--only: expected some of ${Object.keys(STEPS).join(',')}, found ${unknown.join(',')}\n`,
  );
  process.exit(2);
}
const file = resolve(values.out);
process.chdir(root);
const device = await Device.shared().catch((error: Error) => error);
if (device instanceof Error) {
  process.stderr.write(`no adapter: ${device.message}\n`);
  process.exit(1);
}
const { name, software } = device.adapter;
const commit = execFileSync('git', ['-C', root, 'log', '-1', '--format=%h %cs'], { encoding: 'utf8' }).trim();
const small = 'This is a software adapter: what follows shows that it works, and nothing of a GPU.';
const heading = [
  '# Swirl on a GPU',
  `${new Date().toISOString().slice(0, 10)}, ${name}, Node ${process.version}, ${process.platform} ${process.arch}, Swirl ${commit}.`,
  ...(software ? [small] : []),
].join('\n\n');
const say = (line: string) => process.stdout.write(`${line}\n`);
say(`${name}${software ? `. ${small}` : ''}`);
const steps = asked.map((each) => STEPS[each] as Step);
const isWell = await report({ steps, file, heading, longest: 20_000, say });
say(`written to ${file}`);
process.exit(isWell ? 0 : 1);
