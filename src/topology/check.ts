/**
 * Checks a plain value against the topology's definition and says everything that is wrong with its shape.
 */
import type { z } from 'zod';
import { nearest } from '../suggest.ts';
import { isObject, keysAt } from './schema-walk.ts';
import { topologyConfig, type WrittenTopology } from './topology.ts';

/** A problem that is not yet tied to a place in the file. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly rule: string;
  readonly message: string;
  readonly path: readonly PropertyKey[];
  /** Whether the key or the value is meant. */
  readonly part: 'key' | 'value';
}

export type Checked =
  | { readonly topology: WrittenTopology; readonly findings: readonly Finding[] }
  | { readonly topology: null; readonly findings: readonly Finding[] };

/** Types, ranges, unknown keys; not combinations, which `lint.ts` checks on the result. */
export function checkShape(value: unknown): Checked {
  const result = topologyConfig.safeParse(value);
  if (result.success) return { topology: result.data, findings: [] };
  return { topology: null, findings: result.error.issues.flatMap((issue) => findingsOf(issue, value, [])) };
}

function findingsOf(issue: z.core.$ZodIssue, root: unknown, base: readonly PropertyKey[]): Finding[] {
  const path = [...base, ...issue.path];
  const where = path.length === 0 ? 'the topology' : `\`${path.map(String).join('.')}\``;
  const found = valueAt(root, path);
  const error = (rule: string, message: string, part: 'key' | 'value' = 'value'): Finding[] => [
    { severity: 'error', rule, message, path, part },
  ];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, root));
    case 'invalid_type':
      if (found === undefined) {
        return error('missing-key', `${where} is missing: expected ${typeName(issue.expected)}`, 'key');
      }
      return error('wrong-type', `${where}: expected ${typeName(issue.expected)}, found ${show(found)}`);
    case 'invalid_value': {
      const values = issue.values.map(String);
      const hint = didYouMean(String(found), values);
      return error('wrong-value', `${where}: expected ${oneOf(values)}, found ${show(found)}${hint}`);
    }
    case 'invalid_union': {
      const options = (issue as { options?: readonly unknown[] }).options;
      if (options !== undefined) {
        const values = options.map(String);
        if (found === undefined)
          return error('missing-key', `${where} is missing: expected ${oneOf(values)}`, 'key');
        const hint = didYouMean(String(found), values);
        return error('wrong-value', `${where}: expected ${oneOf(values)}, found ${show(found)}${hint}`);
      }
      return unionFindings(issue, root, path, where);
    }
    case 'too_small':
    case 'too_big':
      return error('out-of-range', `${where}: expected ${bound(issue)}, found ${show(found)}`);
    case 'invalid_key':
      return error(
        'wrong-name',
        `${where}: not a usable name: ${issue.issues.map((inner) => inner.message).join('; ')}`,
        'key',
      );
    default:
      return error('wrong-value', `${where}: ${issue.message}, found ${show(found)}`);
  }
}

/**
 * The messages of the branch that came nearest: that with the fewest problems, if it is not only of another
 * type.
 */
function unionFindings(
  issue: z.core.$ZodIssueInvalidUnion,
  root: unknown,
  path: readonly PropertyKey[],
  where: string,
): Finding[] {
  const deeper = issue.errors.filter((branch) => branch.some((inner) => !isTypeMismatch(inner)));
  const [best] = [...deeper].sort((a, b) => a.length - b.length);
  if (best !== undefined) return best.flatMap((inner) => findingsOf(inner, root, path));
  const expected = issue.errors.flatMap((branch) => branch.map(expectation));
  const message = `${where}: expected ${[...new Set(expected)].join(' or ')}, found ${show(valueAt(root, path))}`;
  return [{ severity: 'error', rule: 'wrong-type', message, path, part: 'value' }];
}

function isTypeMismatch(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return typeName(issue.expected);
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String));
  return issue.message;
}

function unknownKey(key: string, parent: readonly PropertyKey[], root: unknown): Finding {
  const value = valueAt(root, []);
  const known = keysAt(topologyConfig, parent, value);
  const place = parent.length === 0 ? 'at the top level' : `in \`${parent.map(String).join('.')}\``;
  const hint = didYouMean(key, known) || (known.length > 0 ? `; known keys: ${known.join(', ')}` : '');
  return {
    severity: 'error',
    rule: 'unknown-key',
    message: `unknown key ${show(key)} ${place}${hint}`,
    path: [...parent, key],
    part: 'key',
  };
}

function didYouMean(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === null ? '' : `; did you mean \`${near}\`?`;
}

function bound(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
  if (issue.code === 'too_small') {
    return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit}`;
  }
  return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unit}`;
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    int: 'a whole number',
    number: 'a finite number',
    string: 'a text',
    boolean: 'true or false',
    object: 'a mapping of keys',
    record: 'a mapping of names',
    array: 'a list',
    null: 'null',
  };
  return names[expected] ?? expected;
}

function oneOf(values: readonly string[]): string {
  const quoted = values.map((value) => `\`${value}\``);
  return quoted.length === 1 ? String(quoted[0]) : `one of ${quoted.join(', ')}`;
}

/** A short printable form of what was found. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return 'a mapping of keys';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[segment];
  }
  return value;
}
