/** The settings of local models, wherever in a topology they stand. */
import { firstRule } from '../engine/matmul-choice.ts';
import { isObject } from './schema-walk.ts';

type Settings = Readonly<Record<string, unknown>>;

/** A copy in which `change` has changed each of them; `path` says where it stands. */
export function withLocalModels<T>(value: T, change: (model: Settings, path: string) => Settings): T {
  return copyOf(value, '', change) as T;
}

/** What is filled in where a run was kept by a Swirl that knew no rule of choosing kernels. */
export function withFirstRule(value: unknown): unknown {
  return withLocalModels(value, (model) => ('matmul' in model ? model : { ...model, matmul: firstRule }));
}

function copyOf(value: unknown, path: string, change: (model: Settings, path: string) => Settings): unknown {
  // What a module is told is the module's.
  if (!isObject(value) || value.kind === 'module') return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, copyOf(inner, `${path}.${key}`, change)]);
  const copy = Object.fromEntries(entries);
  const local = ['checkpoint', 'contextTokens', 'slots'].every((key) => key in value);
  return local ? change(copy, path) : copy;
}
