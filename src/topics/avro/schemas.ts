/**
 * The Avro schemas of the topics, read from `schemas/`: named references between the files resolved, and
 * compiled to a tree that the byte walker and the record check follow.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import avro from 'avsc';
import { ConfigError } from '../../errors.ts';
import type { Topic } from '../records.generated.ts';

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
}

/** What is known about a topic's records. */
export interface TopicSchema {
  readonly topic: Topic;
  /** Self-contained: every named type is defined where it is first used. */
  readonly schema: AvroSchema;
  /** From the schema's fingerprint: changes with the shape of the record, not with its docs. */
  readonly id: number;
  readonly tree: SchemaNode;
}

interface NamedSchema {
  readonly type: 'record' | 'enum';
  readonly name: string;
  readonly doc?: string;
  readonly symbols?: readonly string[];
  readonly fields?: readonly {
    readonly name: string;
    readonly type: AvroSchema;
    readonly default?: unknown;
  }[];
}

/** Bytes of the smallest value of each primitive type. */
const PRIMITIVE_BYTES: Record<Primitive, number> = {
  null: 0,
  boolean: 1,
  int: 1,
  long: 1,
  float: 4,
  double: 8,
  string: 1,
  bytes: 1,
};

const schemasFolder = new URL('../../../schemas/', import.meta.url);
const topicSchemas = loadSchemas(schemasFolder);

/** The topics, in alphabetical order. */
export const topicNames: readonly Topic[] = [...topicSchemas.keys()];

/** Whether a topic of this name has a schema. */
export function isTopic(name: string): name is Topic {
  return topicSchemas.has(name as Topic);
}

/** The schema of a topic's records, with all that it refers to, as JSON: for clients in other languages. */
export function schemaOf(topic: Topic): AvroSchema {
  return topicSchema(topic).schema;
}

/** All that is known about a topic's records. Throws a `ConfigError` on a topic without a schema. */
export function topicSchema(topic: Topic): TopicSchema {
  const found = topicSchemas.get(topic);
  if (found === undefined) {
    throw new ConfigError(`There is no topic "${topic}". The topics are: ${topicNames.join(', ')}.`);
  }
  return found;
}

/** The topics' schemas of a folder of `.avsc` files. */
export function loadSchemas(folder: URL): Map<Topic, TopicSchema> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.avsc'))
    .sort();
  const named = new Map<string, NamedSchema>();
  const roots: { topic: Topic; root: NamedSchema }[] = [];
  for (const file of files) {
    const root = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as NamedSchema;
    collectNamed(root, named, file);
    if (root.doc?.startsWith('Topic ')) roots.push({ topic: file.slice(0, -'.avsc'.length) as Topic, root });
  }
  return new Map(
    roots.map(({ topic, root }) => {
      const schema = inline(fullName(root), named, new Set());
      return [topic, { topic, schema, id: schemaId(schema), tree: compile(fullName(root), named, []) }];
    }),
  );
}

function fullName(schema: NamedSchema): string {
  return `swirl.${schema.name}`;
}

function isNamed(schema: { readonly type: unknown }): schema is NamedSchema {
  return schema.type === 'record' || schema.type === 'enum';
}

function collectNamed(schema: AvroSchema | NamedSchema, named: Map<string, NamedSchema>, file: string): void {
  if (typeof schema === 'string') return;
  if (Array.isArray(schema)) {
    for (const branch of schema) collectNamed(branch, named, file);
    return;
  }
  const object = schema as { readonly type: AvroSchema; readonly [key: string]: unknown };
  if (isNamed(object)) {
    if (named.has(fullName(object))) throw new ConfigError(`schemas/${file} defines ${object.name} again.`);
    named.set(fullName(object), object);
    for (const field of object.fields ?? []) collectNamed(field.type, named, file);
    return;
  }
  for (const part of [object.type, object.items, object.values]) {
    if (part !== undefined && part !== object) collectNamed(part as AvroSchema, named, file);
  }
}

/** The schema with the first use of each named type replaced by its definition. */
function inline(schema: AvroSchema, named: Map<string, NamedSchema>, seen: Set<string>): AvroSchema {
  if (Array.isArray(schema)) return schema.map((branch) => inline(branch, named, seen));
  if (typeof schema === 'string') {
    const definition = named.get(schema);
    return definition === undefined || seen.has(schema) ? schema : define(definition, named, seen);
  }
  if (isNamed(schema)) return seen.has(fullName(schema)) ? fullName(schema) : define(schema, named, seen);
  const copy: Record<string, unknown> = { ...schema };
  for (const part of ['type', 'items', 'values']) {
    if (part in copy) copy[part] = inline(copy[part] as AvroSchema, named, seen);
  }
  return copy as AvroSchema;
}

function define(definition: NamedSchema, named: Map<string, NamedSchema>, seen: Set<string>): AvroSchema {
  seen.add(fullName(definition));
  const fields = definition.fields?.map((field) => ({ ...field, type: inline(field.type, named, seen) }));
  return { ...definition, namespace: 'swirl', ...(fields && { fields }) } as unknown as AvroSchema;
}

/** The first 31 bits of the SHA-256 fingerprint: the wire format's id is a signed 32-bit integer. */
function schemaId(schema: AvroSchema): number {
  const canonical = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false }).schema();
  const digest = createHash('sha256').update(JSON.stringify(canonical)).digest();
  return digest.readUInt32BE(0) & 0x7fffffff;
}

function compile(schema: AvroSchema, named: Map<string, NamedSchema>, within: string[]): SchemaNode {
  if (typeof schema === 'string') {
    if (schema in PRIMITIVE_BYTES) {
      return { kind: schema as Primitive, minBytes: PRIMITIVE_BYTES[schema as Primitive] };
    }
    const definition = named.get(schema);
    if (definition === undefined) {
      throw new ConfigError(`schemas/: no file defines "${schema}" (in ${within.join(' > ')}).`);
    }
    return compileNamed(definition, named, within);
  }
  if (Array.isArray(schema)) {
    const nullBranch = schema.indexOf('null');
    if (schema.length !== 2 || nullBranch < 0) {
      throw new ConfigError(`schemas/: the only unions are ["null", T]: ${JSON.stringify(schema)}.`);
    }
    const of = compile(schema[1 - nullBranch] as AvroSchema, named, within);
    return { kind: 'nullable', of, nullBranch: nullBranch as 0 | 1, minBytes: 1 };
  }
  if (isNamed(schema)) return compileNamed(schema, named, within);
  if (schema.type === 'array') {
    return { kind: 'array', items: compile(schema.items as AvroSchema, named, within), minBytes: 1 };
  }
  if (schema.type === 'map') {
    return { kind: 'map', values: compile(schema.values as AvroSchema, named, within), minBytes: 1 };
  }
  return compile(schema.type, named, within);
}

function compileNamed(schema: NamedSchema, named: Map<string, NamedSchema>, within: string[]): SchemaNode {
  const name = fullName(schema);
  if (schema.type === 'enum') return { kind: 'enum', name, symbols: schema.symbols ?? [], minBytes: 1 };
  if (within.includes(name)) throw new ConfigError(`schemas/: ${name} contains itself.`);
  const fields = (schema.fields ?? []).map((field) => ({
    name: field.name,
    node: compile(field.type, named, [...within, name]),
    ...('default' in field ? { default: field.default } : {}),
  }));
  return { kind: 'record', name, fields, minBytes: fields.reduce((sum, f) => sum + f.node.minBytes, 0) };
}
