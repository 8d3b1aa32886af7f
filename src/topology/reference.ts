/** Reference documentation of every key, derived from the definition: nothing is written twice. */
import { z } from 'zod';
import { RULES } from './lint.ts';
import { pathText } from './problem.ts';
import { isObject } from './schema-walk.ts';
import { SLOTS } from './slots.ts';
import { topologyConfig } from './topology.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** The topology as JSON Schema (draft 2020-12), for editors. */
export function topologyJsonSchema(): JsonSchema {
  return z.toJSONSchema(topologyConfig, { io: 'input', reused: 'inline' }) as JsonSchema;
}

export interface KeyReference {
  /** Such as `stages.filter.mode`; `<name>` stands for a name of one's own. */
  readonly path: string;
  readonly type: string;
  /** As YAML, on one line; null where the key must be given or has no default of its own. */
  readonly default: string | null;
  readonly about: string;
}

/** Every key, in the order of the definition. */
export function keyReference(): KeyReference[] {
  return keysOf(topologyJsonSchema(), '');
}

/** Keys, kinds of parts and combination rules as Markdown. */
export function referenceMarkdown(): string {
  const keys = keyReference().map(({ path, type, default: value, about }) =>
    row([`\`${path}\``, type, value === null ? '' : `\`${value}\``, about]),
  );
  const kinds = SLOTS.flatMap(({ path, kinds }) =>
    kinds.map(({ name, about }) => row([`\`${placeOf(path)}\``, `\`${name}\``, about])),
  );
  const rules = RULES.map(({ name, about }) => row([`\`${name}\``, about]));
  return [
    '# The keys of a topology\n',
    '| key | type | default | meaning |\n|---|---|---|---|',
    ...keys,
    '\n# The kinds of parts\n',
    '| part | kind | what it is |\n|---|---|---|',
    ...kinds,
    '\n# What is checked between keys\n',
    '| rule | what must hold |\n|---|---|',
    ...rules,
    '',
  ].join('\n');
}

/** Where a slot's parts stand in a file. */
function placeOf(path: string): string {
  return pathText(path.replace('*', '<name>').split('.'));
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')).join(' | ')} |`;
}

function keysOf(schema: JsonSchema, path: string): KeyReference[] {
  const found: KeyReference[] = [];
  if (isObject(schema.properties)) {
    for (const [key, child] of Object.entries(schema.properties)) {
      const at = path === '' ? key : `${path}.${key}`;
      found.push(entry(child as JsonSchema, at), ...keysOf(child as JsonSchema, at));
    }
  }
  if (isObject(schema.additionalProperties)) {
    const at = `${path}.<name>`;
    found.push(entry(schema.additionalProperties, at), ...keysOf(schema.additionalProperties, at));
  }
  for (const option of options(schema)) {
    const kind = isObject(option.properties) ? option.properties.kind : undefined;
    const tag = isObject(kind) && kind.const !== undefined ? ` (${String(kind.const)})` : '';
    const inner = keysOf(option, path).filter((key) => key.path !== `${path}.kind`);
    found.push(...inner.map((key) => ({ ...key, path: `${key.path}${tag}` })));
  }
  return found;
}

function entry(schema: JsonSchema, path: string): KeyReference {
  const value = schema.default;
  const nested = isObject(value) && Object.keys(value).length === 0;
  return {
    path,
    type: typeOf(schema),
    default: value === undefined || nested ? null : JSON.stringify(value),
    about: aboutOf(schema),
  };
}

/** The description; that of the first branch where the union itself has none (`X or null`). */
function aboutOf(schema: JsonSchema): string {
  if (typeof schema.description === 'string') return schema.description;
  const [first] = options(schema);
  return first === undefined ? '' : aboutOf(first);
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return String(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map(String).join(', ');
  const branches = options(schema);
  if (branches.length > 0) {
    const kinds = branches.map((option) => {
      const kind = isObject(option.properties) ? option.properties.kind : undefined;
      return isObject(kind) && kind.const !== undefined ? `kind: ${String(kind.const)}` : typeOf(option);
    });
    return [...new Set(kinds)].join(' or ');
  }
  if (schema.type === 'array') return `list of ${isObject(schema.items) ? typeOf(schema.items) : 'values'}`;
  if (schema.type === 'object') return isObject(schema.properties) ? 'keys' : 'names';
  const range = rangeOf(schema);
  return `${schema.type === 'integer' ? 'whole number' : schema.type === 'string' ? 'text' : String(schema.type)}${range}`;
}

function rangeOf(schema: JsonSchema): string {
  const parts: string[] = [];
  if (typeof schema.minimum === 'number' && schema.minimum > Number.MIN_SAFE_INTEGER)
    parts.push(`>= ${schema.minimum}`);
  if (typeof schema.exclusiveMinimum === 'number') parts.push(`> ${schema.exclusiveMinimum}`);
  if (typeof schema.maximum === 'number' && schema.maximum < Number.MAX_SAFE_INTEGER)
    parts.push(`<= ${schema.maximum}`);
  if (typeof schema.exclusiveMaximum === 'number') parts.push(`< ${schema.exclusiveMaximum}`);
  return parts.length === 0 ? '' : ` ${parts.join(', ')}`;
}

function options(schema: JsonSchema): JsonSchema[] {
  const list = schema.oneOf ?? schema.anyOf;
  return Array.isArray(list) ? (list as JsonSchema[]) : [];
}
