/** From a reference in the topology to a part that can be made: the module imported, its export and settings checked. */
import { ConfigError } from '../errors.ts';
import type { Definition, PartContext, PartName } from '../parts/define.ts';
import { isStandardSchema, type StandardIssue, type StandardSchemaV1 } from '../parts/standard-schema.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import type { Origin } from '../topics/records.generated.ts';
import { importModule, messageOf } from './import-module.ts';
import { isFile } from './module-files.ts';
import type { ModuleSettings, ModulesConfig } from './module-settings.ts';
import { originOf } from './origin.ts';

/** A module's part, ready to be made. */
export interface LoadedPart {
  readonly definition: Definition<string, unknown>;
  /** As the module's schema gave them back. */
  readonly settings: unknown;
  readonly origin: Origin;
}

/** One thing that is wrong with a reference; `path` leads from it to the setting that is meant. */
export interface PartProblem {
  readonly rule: string;
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

export type ExaminedPart =
  | { readonly loaded: LoadedPart; readonly problems: readonly [] }
  | { readonly loaded: null; readonly problems: readonly PartProblem[] };

/** Loads and checks; throws nothing but defects. `path` is absolute by now. */
export async function examinePart(
  part: string,
  config: ModuleSettings,
  limits: ModulesConfig,
): Promise<ExaminedPart> {
  const { path, export: name } = config;
  const bad = (at: string, message: string): ExaminedPart => ({
    loaded: null,
    problems: [{ rule: `module-${at}`, message, path: [at] }],
  });
  if (!isFile(path)) return bad('path', missing(path));
  try {
    const { exports, hash } = await importModule(path, limits);
    if (!Object.hasOwn(exports, name)) {
      const names = Object.keys(exports).slice(0, 20).join(', ') || 'nothing';
      return bad('export', `${path} has no export \`${name}\`; it exports ${names}`);
    }
    const found = definitionOf(exports[name], part);
    if ('problem' in found) return bad('export', `${path}, export \`${name}\`: ${found.problem}`);
    const checked = await checkSettings(found.definition.settings, config.settings, limits);
    if ('problems' in checked) return { loaded: null, problems: checked.problems };
    const origin = originOf(config, hash);
    return { loaded: { definition: found.definition, settings: checked.value, origin }, problems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return bad('path', error.message);
    throw error;
  }
}

/** As `examinePart`, for those who cannot go on without; throws a `ConfigError` that says all that is wrong. */
export async function loadPart(
  part: PartName,
  config: ModuleSettings,
  { name, limits }: { readonly name: string; readonly limits: ModulesConfig },
): Promise<LoadedPart> {
  const { loaded, problems } = await examinePart(part, config, limits);
  if (loaded === null) throw new ConfigError(`${name}: ${problems.map(({ message }) => message).join('; ')}`);
  if (config.hash !== null && config.hash !== loaded.origin.hash && limits.changed === 'refuse') {
    throw new ConfigError(`${name}: ${changed(config.path, config.hash, loaded.origin.hash)}`);
  }
  return loaded;
}

/** A module that is not what it was. */
export function changed(path: string, expected: string, found: string): string {
  return `${path} is not what it was: expected content ${expected.slice(0, 12)}, found ${found.slice(0, 12)}`;
}

/** What the part's `make` gave: the function to call, and what closes it. */
export async function makePart<Call>(
  { definition, settings, origin }: LoadedPart,
  context: PartContext,
  { loadTimeoutMs }: Pick<ModulesConfig, 'loadTimeoutMs'>,
): Promise<{ readonly call: Call; readonly close: () => Promise<void> }> {
  const where = `${context.name}: ${origin.module}, export \`${origin.export}\``;
  const made = await inTime(() => definition.make(settings as never, context), {
    timeoutMs: loadTimeoutMs,
    signal: context.signal,
  }).catch((error: unknown) => {
    throw new ConfigError(`${where}: \`make\` failed: ${messageOf(error)}`, { cause: error });
  });
  if (made === LATE) {
    throw new ConfigError(
      `${where}: \`make\` was not done after ${loadTimeoutMs} ms (modules.loadTimeoutMs)`,
    );
  }
  if (typeof made === 'function') return { call: made as Call, close: async () => {} };
  if (typeof made === 'object' && made !== null && typeof Reflect.get(made, 'call') === 'function') {
    const { call, close } = made as { call: (...args: unknown[]) => unknown; close?: () => unknown };
    return { call: call.bind(made) as Call, close: async () => void (await close?.call(made)) };
  }
  throw new ConfigError(
    `${where}: \`make\` must give a function, or an object with the function \`call\`; it gave ${kindOf(made)}`,
  );
}

/** A plain function is a part without settings. */
function definitionOf(
  value: unknown,
  part: string,
): { readonly definition: Definition<string, unknown> } | { readonly problem: string } {
  const own = part === 'advantage' ? 'an advantage' : `a ${part}`;
  const maker = `define${part.charAt(0).toUpperCase()}${part.slice(1)}`;
  if (typeof value === 'function') return { definition: { part, make: () => value } };
  if (typeof value !== 'object' || value === null || typeof Reflect.get(value, 'part') !== 'string') {
    return { problem: `expected a function or what \`${maker}\` gives, found ${kindOf(value)}` };
  }
  const definition = value as Definition<string, unknown>;
  if (definition.part !== part) {
    return { problem: `expected ${own}, found a definition of the part \`${definition.part}\`` };
  }
  if (typeof definition.make !== 'function')
    return { problem: `the definition of ${own} has no function \`make\`` };
  if (definition.settings !== undefined && !isStandardSchema(definition.settings)) {
    return { problem: '`settings` must be a schema (Standard Schema, as zod and others make)' };
  }
  return { definition };
}

type CheckedSettings = { readonly value: unknown } | { readonly problems: readonly PartProblem[] };

async function checkSettings(
  schema: StandardSchemaV1 | undefined,
  settings: ModuleSettings['settings'],
  { loadTimeoutMs }: ModulesConfig,
): Promise<CheckedSettings> {
  const problem = (message: string, path: readonly PropertyKey[] = []): CheckedSettings => ({
    problems: [{ rule: 'module-settings', message, path: ['settings', ...path] }],
  });
  if (schema === undefined) {
    const [key] = Object.keys(settings);
    if (key === undefined) return { value: {} };
    return problem(
      'the module takes no settings: a plain function has none, and a definition says them by `settings`',
      [key],
    );
  }
  try {
    const result = await inTime(() => schema['~standard'].validate(settings), {
      timeoutMs: loadTimeoutMs,
    });
    if (result === LATE) return problem('its check of settings is not done in time (modules.loadTimeoutMs)');
    if (result.issues === undefined) return { value: result.value };
    return {
      problems: result.issues.map((issue) => {
        const path = pathOf(issue);
        const where = ['settings', ...path].map(String).join('.');
        return {
          rule: 'module-settings',
          message: `\`${where}\`: ${issue.message}`,
          path: ['settings', ...path],
        };
      }),
    };
  } catch (error) {
    return problem(`its check of settings failed: ${messageOf(error)}`);
  }
}

function pathOf({ path = [] }: StandardIssue): PropertyKey[] {
  return path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
}

function missing(path: string): string {
  return /^(?:[/\\]|[A-Za-z]:)/.test(path)
    ? `there is no file ${path} (a path is relative to the topology's file)`
    : `there is no package ${path} to be found from the topology's folder; a file beside the topology begins with \`./\``;
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : typeof value;
}
