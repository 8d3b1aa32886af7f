/**
 * Records as JSON text, on topics whose topology says so: one object per value, for producers of one line.
 */
import { DataError } from '../../errors.ts';
import { checkRecord } from './check-record.ts';
import type { SchemaNode } from './schema-tree.ts';

/**
 * The record in a JSON text, with the schema's defaults for fields that are left out. Throws a `DataError` on
 * text that is no JSON object in UTF-8, on unknown fields (`__proto__` is one) and on wrong types. The caller
 * bounds the size.
 */
export function recordOfJson(topic: string, tree: SchemaNode, bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Not the parser's own words: they quote the text.
    throw new DataError(
      `topic ${topic}: expected one JSON object in UTF-8 (or Avro after a zero byte), found ${bytes.length} ` +
        'bytes that are neither.',
    );
  }
  return checkRecord(topic, tree, withDefaults(tree, value));
}

/** The record as JSON text on one line. */
export function jsonOfRecord(topic: string, tree: SchemaNode, record: unknown): Buffer {
  return Buffer.from(JSON.stringify(checkRecord(topic, tree, record)));
}

/**
 * The value with defaults filled in, of records within records too; whatever does not fit is left to the
 * check.
 */
export function withDefaults(node: SchemaNode, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  switch (node.kind) {
    case 'nullable':
      return withDefaults(node.of, value);
    case 'array':
      return Array.isArray(value) ? value.map((item) => withDefaults(node.items, item)) : value;
    case 'record': {
      if (Array.isArray(value)) return value;
      // Spread, so that a key `__proto__` stays a key of its own and is found by the check.
      const filled: Record<string, unknown> = { ...value };
      for (const field of node.fields) {
        if (Object.hasOwn(filled, field.name))
          filled[field.name] = withDefaults(field.node, filled[field.name]);
        else if (field.default !== undefined) filled[field.name] = structuredClone(field.default);
      }
      return filled;
    }
    default:
      return value;
  }
}
