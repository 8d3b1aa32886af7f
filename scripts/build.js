/**
 * Makes `dist/`, or another folder, what the published package runs: the sources as JavaScript, and the files
 * they read beside them.
 *
 *   node scripts/build.js [FOLDER]
 */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);

rmSync(dist, { recursive: true, force: true });
const options = ['-p', join(root, 'tsconfig.build.json'), '--outDir', dist];
const built = spawnSync(process.execPath, [compiler, ...options], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);
// Kernels, prompts and pages are read at run time, from beside the module that uses them.
cpSync(join(root, 'src'), dist, { recursive: true, filter: (path) => !path.endsWith('.ts') });
