/** A worked example of a tool's arguments, made from their JSON Schema where its author gives none. */
import { isPlainObject, type JsonSchema, referred } from './json-schema.ts';

/** Nested schemas are followed so far; a schema may refer to itself. */
const MOST_LEVELS = 6;

/**
 * Values that the schema's author gave (`examples`, `default`, `enum`, `const`) before values made from the
 * types. Only what is required is there. It may break rules that types do not say (`pattern`, `format`):
 * check before use.
 */
export function exampleArguments(schema: JsonSchema): Record<string, unknown> {
  const value = exampleOf(schema, schema, 0);
  return isPlainObject(value) ? value : {};
}

function exampleOf(schema: unknown, root: JsonSchema, level: number): unknown {
  if (!isPlainObject(schema) || level > MOST_LEVELS) return null;
  const { examples, enum: values, default: usual, const: only, $ref: reference } = schema;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  if (only !== undefined) return only;
  if (usual !== undefined) return usual;
  if (Array.isArray(values) && values.length > 0) return values[0];
  if (typeof reference === 'string') return exampleOf(referred(reference, root), root, level + 1);
  for (const branches of [schema.anyOf, schema.oneOf, schema.allOf]) {
    if (Array.isArray(branches) && branches.length > 0) return exampleOf(branches[0], root, level + 1);
  }
  return ofType(schema, root, level);
}

function ofType(schema: JsonSchema, root: JsonSchema, level: number): unknown {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'string':
      return FORMATS.get(String(schema.format)) ?? 'some text';
    case 'integer':
    case 'number':
      return withinRange(schema);
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return schema.items === undefined ? [] : [exampleOf(schema.items, root, level + 1)];
    default: {
      const properties = isPlainObject(schema.properties) ? schema.properties : {};
      const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
      return Object.fromEntries(
        required.map((name) => [name, exampleOf(properties[name] ?? {}, root, level + 1)]),
      );
    }
  }
}

function withinRange({ minimum, maximum, exclusiveMinimum }: JsonSchema): number {
  const least =
    typeof minimum === 'number' ? minimum : typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : 1;
  return typeof maximum === 'number' ? Math.min(Math.max(1, least), maximum) : Math.max(1, least);
}

const FORMATS = new Map([
  ['date', '2025-01-31'],
  ['date-time', '2025-01-31T12:00:00Z'],
  ['time', '12:00:00Z'],
  ['email', 'someone@example.com'],
  ['uri', 'https://example.com/'],
  ['url', 'https://example.com/'],
]);
