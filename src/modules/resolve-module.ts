/** Which file a module's name in the topology means: a path, or what an installed package exports. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { isFile } from './module-files.ts';

/**
 * The absolute path of a package's export, as `import` in the folder would find it; null where there is none.
 * Names of paths (`./x.ts`, `/x.ts`) are for the caller.
 */
export function resolvePackage(name: string, folder: string): string | null {
  const [, packageName, rest = ''] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(name) ?? [];
  if (packageName === undefined) return null;
  for (let at = resolve(folder); ; at = dirname(at)) {
    const root = join(at, 'node_modules', packageName);
    const manifest = manifestOf(root);
    if (manifest !== null) return fileOf(root, manifest, rest);
    if (dirname(at) === at) return null;
  }
}

/** Whether a module is named by a path rather than as a package. */
export function isModulePath(name: string): boolean {
  return isAbsolute(name) || /^\.{1,2}[/\\]/.test(name);
}

interface Manifest {
  readonly exports?: unknown;
  readonly main?: unknown;
}

function manifestOf(root: string): Manifest | null {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return null;
  }
}

function fileOf(root: string, { exports, main }: Manifest, rest: string): string | null {
  if (exports !== undefined && exports !== null) {
    const target = exported(exports, `.${rest}`);
    return target === null ? null : existing(join(root, target));
  }
  if (rest !== '') return existing(join(root, rest)) ?? existing(join(root, `${rest}.js`));
  return (
    existing(join(root, typeof main === 'string' ? main : 'index.js')) ?? existing(join(root, 'index.js'))
  );
}

/**
 * The target of a subpath in a package's `exports`, as Node's documentation describes it (Packages,
 * "Conditional exports").
 */
function exported(exports: unknown, subpath: string): string | null {
  const plain =
    typeof exports === 'string' ||
    Array.isArray(exports) ||
    !keysOf(exports).some((key) => key.startsWith('.'));
  if (plain) return subpath === '.' ? target(exports, '') : null;
  const paths = exports as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(paths, subpath) && !subpath.includes('*')) return target(paths[subpath], '');
  const patterns = keysOf(paths).filter((key) => key.split('*').length === 2);
  for (const pattern of patterns.sort((a, b) => b.indexOf('*') - a.indexOf('*'))) {
    const [before = '', after = ''] = pattern.split('*');
    if (subpath.length < pattern.length || !subpath.startsWith(before) || !subpath.endsWith(after)) continue;
    return target(paths[pattern], subpath.slice(before.length, subpath.length - after.length));
  }
  return null;
}

function target(value: unknown, match: string): string | null {
  if (typeof value === 'string') return value.startsWith('./') ? value.replaceAll('*', match) : null;
  if (Array.isArray(value))
    return value.map((item) => target(item, match)).find((found) => found !== null) ?? null;
  for (const condition of keysOf(value)) {
    if (!['node', 'import', 'module-sync', 'default'].includes(condition)) continue;
    const found = target((value as Readonly<Record<string, unknown>>)[condition], match);
    if (found !== null) return found;
  }
  return null;
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

function existing(path: string): string | null {
  return isFile(path) ? path : null;
}
