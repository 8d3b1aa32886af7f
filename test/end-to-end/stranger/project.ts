/**
 * A stranger's project, in a folder outside of the checkout: the packed package installed, and the examples
 * of docs/.
 */
import { spawn } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { patiently } from '../../patience.ts';
import { type Ended, type Workplace, workplace } from '../swirl-process.ts';
import { npm, pack, version } from './pack.ts';

const examples = fileURLToPath(new URL('../../../docs/examples/', import.meta.url));
const own = fileURLToPath(new URL('./project/', import.meta.url));

export interface Project extends Workplace {
  /** Runs a script of the project, TypeScript too. */
  script(file: string, ...args: string[]): Promise<Ended>;
  /** Runs any program with Node. */
  node(...args: string[]): Promise<Ended>;
}

/** What a stranger would install beside Swirl, in the versions that the checkout has. */
const BESIDE = [
  ...['rxjs', 'tsx', 'typescript', '@types/node', 'zod'],
  '@modelcontextprotocol/server-everything',
];

/** Installs everything with npm: from its cache where it has it, from the registry otherwise. */
export function strangersProject(): Project {
  const place = workplace({ command: (folder) => join(folder, 'node_modules', '.bin', 'swirl') });
  place.write('package.json', { name: 'stranger', private: true, type: 'module' });
  const tarball = pack(place.path('packed'));
  for (const file of readdirSync(examples).filter((name) => /\.(ts|js|avsc)$/.test(name))) {
    cpSync(join(examples, file), place.path(file));
  }
  cpSync(join(examples, 'topology.yaml'), place.path('topology.yaml'));
  cpSync(join(own, 'topology.yaml'), place.path('mine.yaml'));
  for (const file of ['tsconfig.json', 'adder.ts']) cpSync(join(own, file), place.path(file));
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  npm(['install', ...quick, tarball, ...BESIDE.map(version)], place.folder);
  const node = (...args: string[]) => run(place, args);
  return { ...place, node, script: (file, ...args) => node('--import', 'tsx', file, ...args) };
}

function run({ folder }: Workplace, args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  return patiently(`the end of node ${args.join(' ')}`, ended, () => output.stdout + output.stderr);
}
