/**
 * The files that a module consists of: its own, and those that it imports by relative paths. Their hash is
 * its content.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, extname, relative, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { ModulesConfig } from './module-settings.ts';

/**
 * What a module's file is to be searched for; `import` and `require` in comments find too much, which does no
 * harm.
 */
const RELATIVE_IMPORT = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(['"`])(\.{1,2}\/[^'"`\n]+)\1/g;

/** Endings that may be left out or stand for one another, as TypeScript and bundlers resolve them. */
const ENDINGS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json'];
const CODE = new Set(ENDINGS.filter((ending) => ending !== '.json'));

/**
 * SHA-256 over the paths, as seen from the module's folder, and contents of its files. Packages that it
 * imports by name and data that it reads are not in it. Throws `ConfigError` where a file cannot be read, or
 * there are more or larger ones than the bounds allow.
 */
export function moduleHash(
  file: string,
  { maxFiles, maxBytes }: Pick<ModulesConfig, 'maxFiles' | 'maxBytes'>,
): string {
  const contents = new Map<string, Buffer>();
  const open = [file];
  let bytes = 0;
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (contents.has(path)) continue;
    const content = readFileSync(path);
    contents.set(path, content);
    bytes += content.length;
    if (contents.size > maxFiles || bytes > maxBytes) {
      const most = `${maxFiles} files (modules.maxFiles) and ${maxBytes} bytes (modules.maxBytes)`;
      throw new ConfigError(
        `${file} imports more than ${most}: raise the bound, or import a package by name`,
      );
    }
    if (CODE.has(extname(path))) open.push(...importsOf(path, content.toString('utf8')));
  }
  const hash = createHash('sha256');
  const from = dirname(file);
  const named = [...contents].map(
    ([path, content]) => [relative(from, path).replaceAll('\\', '/'), content] as const,
  );
  for (const [name, content] of named.sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/** The files that a file imports by relative paths, where they are there. */
function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(RELATIVE_IMPORT)].flatMap(([, , specifier = '']) => {
    const found = fileOf(resolve(dirname(path), specifier.replace(/[?#].*$/, '')));
    return found === null ? [] : [found];
  });
}

function fileOf(target: string): string | null {
  const ending = extname(target);
  const bare = CODE.has(ending) ? target.slice(0, -ending.length) : target;
  const candidates = [
    target,
    ...ENDINGS.map((other) => bare + other),
    ...ENDINGS.map((other) => resolve(target, `index${other}`)),
  ];
  return candidates.find(isFile) ?? null;
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
