/**
 * The package as npm would publish it, packed from a copy of the checkout: `dist` of the checkout itself is
 * left alone.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What `npm pack` reads: what is published, and what that is built from. */
const SOURCES = ['src', 'scripts/build.js', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'LICENSE'];

/** Packs into the folder; returns the tarball's path. */
export function pack(folder: string): string {
  const copy = join(folder, 'checkout');
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
  mkdirSync(copy, { recursive: true });
  for (const path of ['package.json', ...SOURCES, ...manifest.files.filter((name) => name !== 'dist')]) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  npm(['pack', '--silent', '--pack-destination', folder], copy);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`npm pack made no tarball in ${folder}`);
  return join(folder, tarball);
}

/** Runs npm to its end; an error says what it wrote. */
export function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
}

/** The version of a package that the checkout has: npm then finds it in its cache. */
export function version(name: string): string {
  const path = join(root, 'node_modules', name, 'package.json');
  return `${name}@${(JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version}`;
}
