/** Whether what a module exports is a part of a slot, and takes the topology's settings. */
import type { Definition } from '../parts/define.ts';
import {
  isStandardSchema,
  type StandardIssue,
  type StandardResult,
  type StandardSchemaV1,
} from '../parts/standard-schema.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import { messageOf } from './import-module.ts';
import { asModule } from './module-output.ts';
import type { ModuleSettings, ModulesConfig } from './module-settings.ts';

/** One thing that is wrong with a reference; `path` leads from it to the setting that is meant. */
export interface PartProblem {
  readonly rule: string;
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

/** A plain function is a part without settings. */
export function definitionOf(
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

export async function checkSettings(
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
    const check = () => schema['~standard'].validate(settings);
    const result = await asModule(() => inTime(check, { timeoutMs: loadTimeoutMs }));
    if (result === LATE) return problem('its check of settings is not done in time (modules.loadTimeoutMs)');
    if (!isResult(result)) {
      return problem(
        `its check of settings gave ${kindOf(result)}: expected { value } or { issues: [{ message }] }`,
      );
    }
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

/** Whoever writes a schema by hand may not give what the specification says. */
function isResult(result: unknown): result is StandardResult<unknown> {
  if (typeof result !== 'object' || result === null) return false;
  const issues: unknown = Reflect.get(result, 'issues');
  if (issues === undefined) return 'value' in result;
  return Array.isArray(issues) && issues.every((issue) => typeof issue === 'object' && issue !== null);
}

function pathOf({ path = [] }: StandardIssue): PropertyKey[] {
  return path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : typeof value;
}
