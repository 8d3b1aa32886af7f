/** Imports a module of the user's: TypeScript too, each file once, and never for longer than it may take. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../errors.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import { moduleHash } from './module-files.ts';
import { asModule } from './module-output.ts';
import type { ModulesConfig } from './module-settings.ts';

export interface ImportedModule {
  readonly exports: Readonly<Record<string, unknown>>;
  /** Of its files, as they were when they were imported. */
  readonly hash: string;
}

type Limits = Pick<ModulesConfig, 'loadTimeoutMs' | 'maxFiles' | 'maxBytes'>;

const imported = new Map<string, ImportedModule>();
let typescript: Promise<void> | undefined;

/**
 * A process can import a file once only: one that changed since is a `ConfigError`, as are one that throws
 * while it is imported, is no JavaScript or TypeScript, or takes too long.
 */
export async function importModule(file: string, limits: Limits): Promise<ImportedModule> {
  const hash = moduleHash(file, limits);
  const before = imported.get(file);
  if (before !== undefined) {
    if (before.hash === hash) return before;
    throw new ConfigError(`${file} changed since this process imported it: start again`);
  }
  typescript ??= understandTypeScript();
  await typescript;
  const load = () => importFile(file);
  const { loadTimeoutMs: timeoutMs } = limits;
  const exports = await asModule(() => inTime(load, { timeoutMs })).catch((error: unknown) => {
    throw new ConfigError(`${file} cannot be imported: ${absentPackage(error) ?? messageOf(error)}`, {
      cause: error,
    });
  });
  if (exports === LATE) {
    const limit = `${limits.loadTimeoutMs} ms (modules.loadTimeoutMs)`;
    throw new ConfigError(`${file} cannot be imported: its top level was not done after ${limit}`);
  }
  if (moduleHash(file, limits) !== hash)
    throw new ConfigError(`${file} changed while it was imported: start again`);
  const done = { exports, hash };
  imported.set(file, done);
  return done;
}

/**
 * In a checkout all of Swirl runs through tsx already; the built package registers it when it meets the first
 * module.
 */
async function understandTypeScript(): Promise<void> {
  if (import.meta.url.endsWith('.ts')) return;
  const { register } = await import('tsx/esm/api');
  register();
}

/**
 * The exports of a file. In a folder whose package does not say that it is of ES modules, Node takes `.js` and `.ts`
 * for CommonJS; tsx then imports them by themselves, and what they export is the default export.
 */
async function importFile(file: string): Promise<ImportedModule['exports']> {
  const { href } = pathToFileURL(file);
  if (!/\.[jt]sx?$/.test(file) || isOfModules(dirname(file))) return import(href);
  const { tsImport } = await import('tsx/esm/api');
  const exports: ImportedModule['exports'] = await tsImport(href, import.meta.url);
  const { default: inner } = exports;
  const isWrapped = typeof inner === 'object' && inner !== null && 'default' in inner;
  return isWrapped ? (inner as ImportedModule['exports']) : exports;
}

/** Whether the nearest package.json says that its files are ES modules. */
function isOfModules(folder: string): boolean {
  try {
    const { type } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { type?: unknown };
    return type === 'module';
  } catch {
    const above = dirname(folder);
    return above !== folder && isOfModules(above);
  }
}

/** What to do where a package is missing that the module imports: it is looked for from the module's folder on. */
function absentPackage(error: unknown): string | null {
  const name = /^Cannot find (?:module|package) '((?:@[^/']+\/)?[^./'][^/']*)/.exec(
    (error as Error)?.message,
  )?.[1];
  if (name === undefined) return null;
  return `it imports ${name}, which is not installed in its folder or one above: \`npm install ${name}\` there`;
}

/** An error's name and message, in a few lines. Anything may be thrown, also what throws when it is read. */
export function messageOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return `it threw ${String(error).slice(0, 200)}`;
    const text = `${error.name}: ${error.message}`;
    return text.length > 2000 ? `${text.slice(0, 2000)} [...]` : text;
  } catch {
    return 'it threw something that cannot be read';
  }
}
