/**
 * An Avro schema as a tree that the byte walker and the record check follow: named types looked up, and every
 * type that a record here may have. What is outside of that (fixed, unions of more than null and one type,
 * records that contain themselves) is a `ConfigError`.
 */
import { ConfigError } from '../../errors.ts';

/** A schema as JSON. */
export type AvroSchema =
  | string
  | AvroSchema[]
  | { readonly type: AvroSchema; readonly [key: string]: unknown };

export type Primitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'string' | 'bytes';

/**
 * One type of a schema. `minBytes`: the fewest bytes that a value of it takes, which bounds how many can
 * be in what is left of a buffer. No record contains itself, so the tree bounds the depth of any value.
 */
export type SchemaNode = { readonly minBytes: number } & (
  | { readonly kind: Primitive }
  | { readonly kind: 'array'; readonly items: SchemaNode }
  | { readonly kind: 'map'; readonly values: SchemaNode }
  | { readonly kind: 'nullable'; readonly of: SchemaNode; readonly nullBranch: 0 | 1 }
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: 'record'; readonly name: string; readonly fields: readonly SchemaField[] }
);

export interface SchemaField {
  readonly name: string;
  readonly node: SchemaNode;
  /** What stands for the field where a writer left it out, as JSON; undefined: it must not. */
  readonly default?: unknown;
  /**
   * Whether who makes a record may leave the field out, for null: not Avro's, but ours (`"optional": true`).
   */
  readonly optional?: boolean;
}

/** A definition; `namespace` is always there, and references within it are full names. */
export interface NamedSchema {
  readonly type: 'record' | 'enum';
  readonly name: string;
  readonly namespace: string;
  readonly doc?: string;
  readonly symbols?: readonly string[];
  readonly fields?: readonly {
    readonly name: string;
    readonly type: AvroSchema;
    readonly default?: unknown;
    readonly optional?: boolean;
  }[];
}

export type NamedSchemas = ReadonlyMap<string, NamedSchema>;

/** Bytes of the smallest value of each primitive type. */
const PRIMITIVE_BYTES: Readonly<Record<Primitive, number>> = {
  null: 0,
  boolean: 1,
  int: 1,
  long: 1,
  float: 4,
  double: 8,
  string: 1,
  bytes: 1,
};

/** Parts of a tree: a few lines of schema can name types whose expansion has no end. */
const MAX_PARTS = 5_000;

export function isPrimitive(name: unknown): name is Primitive {
  return typeof name === 'string' && Object.hasOwn(PRIMITIVE_BYTES, name);
}

export function isNamed(schema: AvroSchema | NamedSchema): schema is NamedSchema {
  return (
    typeof schema === 'object' &&
    !Array.isArray(schema) &&
    (schema.type === 'record' || schema.type === 'enum')
  );
}

export function fullName({ name, namespace }: Pick<NamedSchema, 'name' | 'namespace'>): string {
  return namespace === '' ? name : `${namespace}.${name}`;
}

/** Adds every definition in a schema, by its full name; returns the first name that was there already. */
export function collectNamed(
  schema: AvroSchema | NamedSchema,
  named: Map<string, NamedSchema>,
): string | null {
  if (typeof schema === 'string') return null;
  const parts: AvroSchema[] = [];
  if (Array.isArray(schema)) parts.push(...schema);
  else if (isNamed(schema)) {
    if (named.has(fullName(schema))) return fullName(schema);
    named.set(fullName(schema), schema);
    parts.push(...(schema.fields ?? []).map(({ type }) => type));
  } else {
    const { type, items, values } = schema;
    parts.push(...[type, items, values].filter((part): part is AvroSchema => part !== undefined));
  }
  for (const part of parts) {
    const twice = collectNamed(part, named);
    if (twice !== null) return twice;
  }
  return null;
}

/** The schema with the first use of each named type replaced by its definition: it needs nothing else. */
export function selfContained(schema: AvroSchema, named: NamedSchemas, seen = new Set<string>()): AvroSchema {
  const define = (definition: NamedSchema): AvroSchema => {
    seen.add(fullName(definition));
    const fields = definition.fields?.map((field) => ({
      ...field,
      type: selfContained(field.type, named, seen),
    }));
    return { ...definition, ...(fields && { fields }) } as unknown as AvroSchema;
  };
  if (Array.isArray(schema)) return schema.map((branch) => selfContained(branch, named, seen));
  if (typeof schema === 'string') {
    const definition = named.get(schema);
    return definition === undefined || seen.has(schema) ? schema : define(definition);
  }
  if (isNamed(schema)) return seen.has(fullName(schema)) ? fullName(schema) : define(schema);
  const copy: Record<string, unknown> = { ...schema };
  for (const part of ['type', 'items', 'values']) {
    if (part in copy) copy[part] = selfContained(copy[part] as AvroSchema, named, seen);
  }
  return copy as AvroSchema;
}

/** Compiles a schema. A `ConfigError` names the type that cannot be one of a record here. */
export function schemaTree(root: AvroSchema, named: NamedSchemas): SchemaNode {
  let parts = 0;
  const fail = (within: readonly string[], problem: string): never => {
    throw new ConfigError(`${within.length === 0 ? 'the schema' : within.join(' > ')}: ${problem}`);
  };

  const compile = (schema: AvroSchema, within: readonly string[]): SchemaNode => {
    if (++parts > MAX_PARTS)
      fail(within, `expected at most ${MAX_PARTS} types, each counted where it is used`);
    if (typeof schema === 'string') {
      if (isPrimitive(schema)) return { kind: schema, minBytes: PRIMITIVE_BYTES[schema] };
      const definition = named.get(schema);
      return definition === undefined
        ? fail(within, `nothing defines the type ${JSON.stringify(schema)}`)
        : compileNamed(definition, within);
    }
    if (Array.isArray(schema)) {
      const nullBranch = schema.indexOf('null');
      const other = schema[1 - nullBranch];
      if (schema.length !== 2 || nullBranch < 0 || other === undefined || Array.isArray(other)) {
        return fail(within, `the only unions are ["null", T], found one of ${schema.length}`);
      }
      const of = compile(other, within);
      if (of.kind === 'null') return fail(within, 'a union of null and null says nothing');
      return { kind: 'nullable', of, nullBranch: nullBranch as 0 | 1, minBytes: 1 };
    }
    if (isNamed(schema)) return compileNamed(schema, within);
    if (schema.type === 'array') {
      const items = compile(schema.items as AvroSchema, within);
      // The count of such items could be anything, whatever the bytes.
      if (items.minBytes === 0) fail(within, 'an array of values without bytes is not read');
      return { kind: 'array', items, minBytes: 1 };
    }
    if (schema.type === 'map') {
      return { kind: 'map', values: compile(schema.values as AvroSchema, within), minBytes: 1 };
    }
    return compile(schema.type, within);
  };

  const compileNamed = (schema: NamedSchema, within: readonly string[]): SchemaNode => {
    const name = fullName(schema);
    if (schema.type === 'enum') return { kind: 'enum', name, symbols: schema.symbols ?? [], minBytes: 1 };
    if (within.includes(name)) fail(within, `${name} contains itself`);
    const fields = (schema.fields ?? []).map((field) => ({
      name: field.name,
      node: compile(field.type, [...within, name]),
      ...('default' in field ? { default: field.default } : {}),
      ...(field.optional === true ? { optional: true } : {}),
    }));
    return { kind: 'record', name, fields, minBytes: fields.reduce((sum, f) => sum + f.node.minBytes, 0) };
  };

  return compile(root, []);
}
