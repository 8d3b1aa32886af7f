/**
 * From a reference in the topology to a part that can be made: the module imported, its export and settings
 * checked.
 */
import { existsSync } from 'node:fs';
import { ConfigError } from '../errors.ts';
import type { Definition, PartName } from '../parts/define.ts';
import type { Origin } from '../topics/records.generated.ts';
import { checkSettings, definitionOf, type PartProblem } from './check-export.ts';
import { toldProblem } from './check-told.ts';
import { importModule, messageOf } from './import-module.ts';
import { isFile } from './module-files.ts';
import { asModule } from './module-output.ts';
import type { ModuleSettings, ModulesConfig } from './module-settings.ts';
import { originOf } from './origin.ts';

/** A module's part, ready to be made. */
export interface LoadedPart {
  readonly definition: Definition<string, unknown>;
  /** As the module's schema gave them back. */
  readonly settings: unknown;
  readonly origin: Origin;
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
    const found = await readDefinition(exports[name], part);
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

/** As `definitionOf`; what an export is may only be told by running it, and that may throw. */
export async function readDefinition(value: unknown, part: string): Promise<ReturnType<typeof definitionOf>> {
  try {
    const found = asModule(() => definitionOf(value, part));
    if ('problem' in found || part !== 'tool') return found;
    const problem = await asModule(() => toldProblem(found.definition));
    return problem === null ? found : { problem };
  } catch (error) {
    return { problem: `it cannot be read: ${messageOf(error)}` };
  }
}

/**
 * As `examinePart`, for those who cannot go on without; throws a `ConfigError` that says all that is wrong.
 */
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

function missing(path: string): string {
  if (existsSync(path)) return `${path} is a folder: expected a file`;
  return /^(?:[/\\]|[A-Za-z]:)/.test(path)
    ? `there is no file ${path} (a path is relative to the topology's file; of --set, to the current folder)`
    : `there is no package ${path} to be found from the topology's folder; a file beside the topology begins with \`./\``;
}
