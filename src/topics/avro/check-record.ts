/** Checks a record against its schema before it is encoded, so that errors name the field. */
import { types } from 'node:util';
import { DataError } from '../../errors.ts';
import { type Path, where } from './path.ts';
import type { SchemaField, SchemaNode } from './schema-tree.ts';

/**
 * The record as avsc takes it: the same object, or a copy where bytes had to become a Buffer. Throws a
 * `DataError` with the field's path on missing and unknown fields, wrong types, integers out of range,
 * numbers that are not finite (as a 32-bit float where the schema says float), and text that UTF-8 cannot
 * hold (a lone surrogate: `toWellFormed()` replaces it).
 */
export function checkRecord(topic: string, tree: SchemaNode, record: unknown): unknown {
  return new Checker(topic).value(tree, record);
}

const INT_MAX = 2 ** 31 - 1;
const INT_MIN = -(2 ** 31);
const LONE_SURROGATE = /\p{Surrogate}/u;

class Checker {
  readonly #topic: string;
  readonly #path: Path = [];

  constructor(topic: string) {
    this.#topic = topic;
  }

  value(node: SchemaNode, value: unknown): unknown {
    switch (node.kind) {
      case 'null':
        if (value !== null) this.#expected('null', value);
        return value;
      case 'boolean':
        if (typeof value !== 'boolean') this.#expected('a boolean', value);
        return value;
      case 'int':
        if (!Number.isInteger(value) || (value as number) < INT_MIN || (value as number) > INT_MAX) {
          this.#expected('a 32-bit integer', value);
        }
        return value;
      case 'long':
        if (!Number.isSafeInteger(value)) this.#expected('an integer within 2^53', value);
        return value;
      case 'float':
        if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) {
          this.#expected('a finite 32-bit number', value);
        }
        return value;
      case 'double':
        if (!Number.isFinite(value)) this.#expected('a finite number', value);
        return value;
      case 'string':
        this.#text(value);
        return value;
      case 'bytes':
        if (!types.isUint8Array(value)) this.#expected('bytes (a Uint8Array)', value);
        return Buffer.isBuffer(value)
          ? value
          : Buffer.from((value as Uint8Array).buffer, value.byteOffset, value.byteLength);
      case 'enum':
        if (!node.symbols.includes(value as string))
          this.#expected(`one of ${node.symbols.join(', ')}`, value);
        return value;
      case 'nullable':
        return value === null ? null : this.value(node.of, value);
      case 'array':
        return this.#array(node.items, value);
      case 'map':
        return this.#map(node.values, value);
      case 'record':
        return this.#record(node.fields, value);
    }
  }

  #array(items: SchemaNode, value: unknown): unknown {
    if (!Array.isArray(value)) return this.#expected('an array', value);
    let copy: unknown[] | undefined;
    for (let i = 0; i < value.length; i++) {
      const item = this.#at(i, items, value[i]);
      if (!Object.is(item, value[i])) {
        copy ??= [...value];
        copy[i] = item;
      }
    }
    return copy ?? value;
  }

  #map(values: SchemaNode, value: unknown): unknown {
    if (!isObject(value)) return this.#expected('a map (an object)', value);
    let copy: Record<string, unknown> | undefined;
    for (const [key, member] of Object.entries(value)) {
      if (key === '__proto__') return this.#expected('map keys other than "__proto__"', key);
      this.#text(key);
      const item = this.#at(key, values, member);
      if (!Object.is(item, member)) {
        copy ??= { ...value };
        copy[key] = item;
      }
    }
    return copy ?? value;
  }

  #record(fields: readonly SchemaField[], value: unknown): unknown {
    if (!isObject(value)) return this.#expected('an object', value);
    let copy: Record<string, unknown> | undefined;
    for (const { name, node, optional } of fields) {
      const member = Object.hasOwn(value, name) ? value[name] : undefined;
      const item = member === undefined && optional ? null : this.#at(name, node, member);
      if (!Object.is(item, member)) {
        copy ??= { ...value };
        copy[name] = item;
      }
    }
    const names = fields.map((field) => field.name);
    const unknown = Object.keys(value).find((name) => !names.includes(name));
    if (unknown !== undefined) {
      this.#path.push(unknown);
      this.#fail(`expected only the fields ${names.join(', ')}, found another`);
    }
    return copy ?? value;
  }

  #text(value: unknown): void {
    if (typeof value !== 'string') this.#expected('text', value);
    else if (LONE_SURROGATE.test(value)) {
      this.#fail('expected text that UTF-8 can hold, found a lone surrogate (see String.toWellFormed)');
    }
  }

  #at(step: string | number, node: SchemaNode, value: unknown): unknown {
    this.#path.push(step);
    const checked = this.value(node, value);
    this.#path.pop();
    return checked;
  }

  #expected(what: string, found: unknown): never {
    return this.#fail(`expected ${what}, found ${describe(found)}`);
  }

  #fail(problem: string): never {
    throw new DataError(`${where(this.#topic, this.#path)}: ${problem}.`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** What an unexpected value is, in a few characters: it may be large and it may be hostile. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return value.constructor.name;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
