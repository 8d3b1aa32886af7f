/** Another writer's Avro schema, made plain and bounded before anything is built of it. */
import avro from 'avsc';
import { DataError } from '../../errors.ts';
import type { WireNode } from './walk-bytes.ts';

/** Bounds of a foreign schema: far above any that describes a record here. */
const MAX_SCHEMA_CHARACTERS = 1 << 20;
const MAX_SCHEMA_PARTS = 5_000;
const MAX_SCHEMA_DEPTH = 64;
const PRIMITIVES: readonly unknown[] = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'string',
  'bytes',
];
/** Full names of types: dotted identifiers. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;

/**
 * The schema with nothing but what decides the bytes: types, names, fields, symbols, sizes. Defaults,
 * aliases, docs and logical types are the writer's own affair. Throws a `DataError` on what is no Avro schema
 * or too large.
 */
export function plainSchema(topic: string, text: string): unknown {
  const fail = (problem: string): never => {
    throw new DataError(`topic ${topic}: the writer's schema ${problem}`);
  };
  if (text.length > MAX_SCHEMA_CHARACTERS)
    fail(`is ${text.length} characters long: no more than ${MAX_SCHEMA_CHARACTERS} are read`);
  let parts = 0;
  const nameOf = (value: unknown): string => {
    const named = typeof value === 'string' && NAME.test(value) && !value.split('.').includes('__proto__');
    return named ? value : fail(`has ${JSON.stringify(value)?.slice(0, 60)} where a name was expected`);
  };
  const plain = (node: unknown, depth: number): unknown => {
    if (++parts > MAX_SCHEMA_PARTS || depth > MAX_SCHEMA_DEPTH) fail('has too many parts to be read');
    if (typeof node === 'string') return nameOf(node);
    if (Array.isArray(node)) return node.map((branch) => plain(branch, depth + 1));
    if (typeof node !== 'object' || node === null) return fail('is no Avro schema');
    const { type, name, namespace, fields, items, values, symbols, size } = node as Record<string, unknown>;
    const names = () => ({
      name: nameOf(name),
      // An empty namespace is the null namespace.
      ...(namespace === undefined || namespace === null
        ? {}
        : { namespace: namespace === '' ? '' : nameOf(namespace) }),
    });
    switch (type) {
      case 'record':
      case 'error':
        if (!Array.isArray(fields)) return fail('has a record without fields');
        return {
          type: 'record',
          ...names(),
          fields: fields.map((field: unknown) => {
            const { name: own, type: of } = (field ?? {}) as Record<string, unknown>;
            return { name: nameOf(own), type: plain(of, depth + 1) };
          }),
        };
      case 'enum':
        if (!Array.isArray(symbols)) return fail('has an enum without symbols');
        parts += symbols.length;
        return { type, ...names(), symbols: symbols.map(nameOf) };
      case 'fixed':
        if (!Number.isSafeInteger(size) || (size as number) < 1)
          return fail('has a fixed type without a size');
        return { type, ...names(), size };
      case 'array':
        return { type, items: plain(items, depth + 1) };
      case 'map':
        return { type, values: plain(values, depth + 1) };
      default:
        // A primitive with attributes, or a type in one more pair of braces.
        return PRIMITIVES.includes(type) ? type : plain(type, depth + 1);
    }
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail('is no JSON');
  }
  return plain(json, 0);
}

/**
 * How to step over a value of a type that is not read: only its length matters, so numbers and texts may be
 * whatever they like. Types may contain themselves; the walk bounds the depth.
 */
export function unreadNode(type: avro.Type, seen: Map<avro.Type, WireNode> = new Map()): WireNode {
  const known = seen.get(type);
  if (known !== undefined) return known;
  if (type instanceof avro.types.RecordType) {
    const fields: { name: string; node: WireNode }[] = [];
    const record = { kind: 'record' as const, name: type.name ?? '', fields, minBytes: 0 };
    seen.set(type, record);
    for (const field of type.fields) {
      const node = unreadNode(field.type, seen);
      fields.push({ name: field.name, node });
      record.minBytes += node.minBytes;
    }
    return record;
  }
  if (type instanceof avro.types.WrappedUnionType) {
    return { kind: 'union', branches: type.types.map((branch) => unreadNode(branch, seen)), minBytes: 1 };
  }
  if (type instanceof avro.types.ArrayType) {
    return { kind: 'array', items: unreadNode(type.itemsType, seen), minBytes: 1 };
  }
  if (type instanceof avro.types.MapType) {
    return { kind: 'map', values: unreadNode(type.valuesType, seen), minBytes: 1 };
  }
  if (type instanceof avro.types.EnumType) {
    return { kind: 'enum', name: type.name ?? '', symbols: type.symbols, minBytes: 1 };
  }
  if (type instanceof avro.types.FixedType) return { kind: 'fixed', size: type.size, minBytes: type.size };
  switch (type.typeName) {
    case 'null':
      return { kind: 'null', minBytes: 0 };
    case 'boolean':
      return { kind: 'boolean', minBytes: 1 };
    case 'int':
      return { kind: 'int', minBytes: 1 };
    case 'float':
      return { kind: 'fixed', size: 4, minBytes: 4 };
    case 'double':
      return { kind: 'fixed', size: 8, minBytes: 8 };
    case 'string':
    case 'bytes':
      return { kind: 'bytes', minBytes: 1 };
    default:
      return { kind: 'varint', minBytes: 1 };
  }
}
