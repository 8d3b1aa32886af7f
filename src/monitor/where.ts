/**
 * The conditions of `swirl tap --where` and of alarms: comparisons of a record's fields, joined by `and` and `or`.
 *
 *   verdict.label == "BAD" and subTrajectory.index > 0
 *   reward.value < 0.5 or subTrajectory.action.text ~ "ignore"
 *
 * A field is a path of names and list indices. `==`, `!=`, `<`, `<=`, `>`, `>=` compare with a number, a
 * string in quotes, true, false or null; `~` asks whether a text contains another. `and` binds more tightly.
 */
import { ConfigError } from '../errors.ts';
import { nearest } from '../suggest.ts';
import type { SchemaNode } from '../topics/avro/schema-tree.ts';
import { fieldAt, typeText } from './fields.ts';

/** Whether a record meets the condition. A field that is not there is null. */
export type Condition = (record: unknown) => boolean;

export type Operator = '==' | '!=' | '<=' | '>=' | '<' | '>' | '~';
type Literal = string | number | boolean | null;

const TOKEN =
  /\s*(?:(==|!=|<=|>=|<|>|~)|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])|([A-Za-z_][\w.-]*))/y;

/**
 * Parses a condition. Throws `ConfigError` with the column where it stopped making sense. With the schema of
 * the records it also throws where it names a field that they do not have, or compares one with what it can
 * never be. `name` is what messages call the condition.
 */
export function parseWhere(text: string, records?: SchemaNode, name = '--where'): Condition {
  const alternatives = comparisonsIn(text, records, name);
  return (record) =>
    alternatives.some((all) =>
      all.every(({ path, operator, value }) => compare(fieldOf(record, path), operator, value)),
    );
}

/** One comparison of a condition. */
export interface Comparison {
  readonly path: readonly string[];
  readonly operator: Operator;
  readonly value: Literal;
  /** Where its field stands in the text, from 1. */
  readonly column: number;
}

/** What a condition compares: it is met where all of any of these lists are. Throws as `parseWhere` does. */
export function comparisonsIn(
  text: string,
  records?: SchemaNode,
  name = '--where',
): readonly (readonly Comparison[])[] {
  const tokens = tokenize(text, name);
  let at = 0;
  const take = () => tokens[at++];
  const fail = (expected: string): never => {
    const token = tokens[at - 1];
    const found = token ? JSON.stringify(token.text) : 'the end';
    const column = (token?.column ?? text.length) + 1;
    throw new ConfigError(
      `${name} ${JSON.stringify(text)}: expected ${expected}, found ${found} at column ${column}`,
    );
  };
  const comparison = (): Comparison => {
    const field = take();
    if (field?.kind !== 'word') return fail('a field such as verdict.label');
    const operator = take();
    if (operator?.kind !== 'operator') return fail('one of == != < <= > >= ~');
    const token = take();
    const literal = token && literalOf(token);
    if (!literal) return fail('a number, a string in double quotes, true, false or null');
    const path = field.text.split('.');
    const column = field.column + 1;
    const found = { path, operator: operator.text as Operator, value: literal.value, column };
    const problem = records && problemOf(records, found);
    if (problem) {
      throw new ConfigError(`${name} ${JSON.stringify(text)}: at column ${column}, ${problem}`);
    }
    return found;
  };
  const all = (): Comparison[] => {
    const comparisons = [comparison()];
    while (tokens[at]?.text === 'and' && take()) comparisons.push(comparison());
    return comparisons;
  };
  const alternatives = [all()];
  while (tokens[at]?.text === 'or' && take()) alternatives.push(all());
  if (take()) fail('`and`, `or` or the end');
  return alternatives;
}

/** Why no record could ever meet a comparison, or null. */
function problemOf(records: SchemaNode, { path, operator, value }: Comparison): string | null {
  const found = fieldAt(records, path);
  if ('problem' in found) return found.problem;
  const { node } = found;
  const equality = operator === '==' || operator === '!=';
  const is = `\`${path.join('.')}\` is ${typeText(node)}`;
  if (value === null) return equality ? null : `${operator} compares nothing with null: expected == or !=`;
  switch (node.kind) {
    case 'string':
      return operator === '~' || typeof value === 'string' ? null : `${is}: expected a text in double quotes`;
    case 'enum': {
      if (!equality || typeof value !== 'string' || node.symbols.includes(value)) return null;
      const near = nearest(value, node.symbols);
      return `${is}; ${near === null ? `found "${value}"` : `did you mean "${near}"?`}`;
    }
    case 'boolean':
      return equality && typeof value === 'boolean' ? null : `${is}: expected == or != with one of these`;
    case 'array':
    case 'record':
    case 'map':
      return `${is}: name a part of it, such as \`${path.join('.')}.${partOf(node)}\``;
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return operator !== '~' && typeof value === 'number' ? null : `${is}: expected one to compare it with`;
    default:
      return `${is}: only null can be compared with it`;
  }
}

/** Something that is in a value of such a type. */
function partOf(node: SchemaNode): string {
  if (node.kind === 'record') return node.fields[0]?.name ?? '';
  return node.kind === 'array' ? 'length' : 'key';
}

interface Token {
  readonly kind: 'operator' | 'string' | 'number' | 'word';
  readonly text: string;
  readonly column: number;
}

function tokenize(text: string, name: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (text.slice(pattern.lastIndex).trim() !== '') {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) {
      const column = from + (text.slice(from).length - text.slice(from).trimStart().length) + 1;
      throw new ConfigError(`${name} ${JSON.stringify(text)}: cannot read it from column ${column} on`);
    }
    const [whole, operator, string, number] = match;
    const kind = operator ? 'operator' : string ? 'string' : number ? 'number' : 'word';
    tokens.push({ kind, text: whole.trimStart(), column: from + whole.length - whole.trimStart().length });
  }
  return tokens;
}

function literalOf({ kind, text }: Token): { readonly value: Literal } | null {
  if (kind === 'number') return { value: Number(text) };
  if (kind === 'string' || ['true', 'false', 'null'].includes(text)) {
    try {
      return { value: JSON.parse(text) as Literal };
    } catch {
      return null;
    }
  }
  return null;
}

function fieldOf(record: unknown, path: readonly string[]): unknown {
  let value = record;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
    value = (value as Record<string, unknown>)[name];
  }
  return value ?? null;
}

function compare(field: unknown, operator: Operator, literal: Literal): boolean {
  switch (operator) {
    case '==':
      return field === literal;
    case '!=':
      return field !== literal;
    case '~':
      return typeof field === 'string' && field.includes(String(literal));
    default:
      if (field === null || literal === null || typeof field !== typeof literal) return false;
      return ordered(field as number, operator, literal as number);
  }
}

function ordered(field: number, operator: '<' | '<=' | '>' | '>=', literal: number): boolean {
  switch (operator) {
    case '<':
      return field < literal;
    case '<=':
      return field <= literal;
    case '>':
      return field > literal;
    case '>=':
      return field >= literal;
  }
}
