/** Imports a module of the user's: TypeScript too, each file once, and never for longer than it may take. */
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
  const load = (): Promise<ImportedModule['exports']> => import(pathToFileURL(file).href);
  const { loadTimeoutMs: timeoutMs } = limits;
  const exports = await asModule(() => inTime(load, { timeoutMs })).catch((error: unknown) => {
    throw new ConfigError(`${file} cannot be imported: ${messageOf(error)}`, { cause: error });
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

/** An error's name and message, in a few lines; anything may be thrown. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${String(error).slice(0, 200)}`;
  const text = `${error.name}: ${error.message}`;
  return text.length > 2000 ? `${text.slice(0, 2000)} [...]` : text;
}
