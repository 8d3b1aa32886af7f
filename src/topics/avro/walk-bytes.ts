/**
 * Walks the bytes of a record by its schema before anything is allocated for them: eight hostile bytes
 * can make avsc allocate 10^8 items or loop over 2^40 map entries. What this lets pass, avsc decodes to
 * at most a small multiple of the bytes' size.
 */
import { isUtf8 } from 'node:buffer';
import { DataError } from '../../errors.ts';
import { type Path, where } from './path.ts';
import type { Primitive } from './schema-tree.ts';

/**
 * One type of the schema that bytes were written with: ours (a `SchemaNode`), or another writer's, which may
 * have any unions, types that contain themselves, and fields that nobody here reads. `minBytes`: the fewest
 * bytes that a value takes.
 */
export type WireNode = { readonly minBytes: number } & (
  | { readonly kind: Primitive }
  /** Any 64-bit integer, in a field that is not read. */
  | { readonly kind: 'varint' }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'array'; readonly items: WireNode }
  | { readonly kind: 'map'; readonly values: WireNode }
  | { readonly kind: 'nullable'; readonly of: WireNode; readonly nullBranch: 0 | 1 }
  | { readonly kind: 'union'; readonly branches: readonly WireNode[] }
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | {
      readonly kind: 'record';
      readonly name: string;
      readonly fields: readonly { readonly name: string; readonly node: WireNode }[];
    }
);

/** Levels of a value, where a schema does not bound them by itself. */
const MAX_DEPTH = 64;
/**
 * Parts of a value, some and more for each byte: a foreign schema may have thousands of fields that take no
 * bytes.
 */
const FREE_PARTS = 5_000;
const PARTS_PER_BYTE = 8;

/**
 * Throws a `DataError` with topic, field and byte position unless `bytes` from `start` on are exactly one
 * value of the schema: counts and lengths within what is left, integers in range and in their shortest
 * form, finite numbers, well-formed UTF-8, no map key twice and none called `__proto__`, nothing after it;
 * and no deeper or wider than a record can be.
 */
export function walkBytes(topic: string, tree: WireNode, bytes: Buffer, start: number): void {
  const walker = new Walker(topic, bytes, start);
  walker.value(tree);
  walker.end();
}

const INT_MAX = 2 ** 31 - 1;
const INT_MIN = -(2 ** 31);
/** A 64-bit integer takes at most ten groups of seven bits. */
const MAX_LONG_BYTES = 10;

class Walker {
  readonly #topic: string;
  readonly #bytes: Buffer;
  readonly #path: Path = [];
  #position: number;
  #partsLeft: number;

  constructor(topic: string, bytes: Buffer, start: number) {
    this.#topic = topic;
    this.#bytes = bytes;
    this.#position = start;
    this.#partsLeft = FREE_PARTS + PARTS_PER_BYTE * bytes.length;
  }

  value(node: WireNode): void {
    switch (node.kind) {
      case 'null':
        return;
      case 'boolean':
        this.#boolean();
        return;
      case 'int':
        this.#int();
        return;
      case 'long':
        this.#long();
        return;
      case 'varint':
        this.#varint();
        return;
      case 'fixed':
        this.#skip(node.size, 'bytes');
        return;
      case 'float':
      case 'double':
        this.#number(node.kind);
        return;
      case 'string':
        this.#string();
        return;
      case 'bytes':
        this.#skip(this.#length(), 'bytes');
        return;
      case 'enum':
        this.#index(node.symbols.length, node.name);
        return;
      case 'nullable':
        if (this.#index(2, 'union') !== node.nullBranch) this.value(node.of);
        return;
      case 'union':
        this.value(node.branches[this.#index(node.branches.length, 'union')]);
        return;
      case 'array':
        this.#blocks(node.items.minBytes, (index) => this.#at(index, node.items));
        return;
      case 'map': {
        const keys = new Set<string>();
        this.#blocks(1 + node.values.minBytes, () => this.#at(this.#key(keys), node.values));
        return;
      }
      case 'record':
        for (const field of node.fields) this.#at(field.name, field.node);
        return;
    }
  }

  end(): void {
    const left = this.#bytes.length - this.#position;
    if (left > 0) this.#fail(`expected the record to end here, found ${left} more bytes`);
  }

  #at(step: string | number, node: WireNode): void {
    this.#path.push(step);
    if (this.#path.length > MAX_DEPTH) this.#fail(`expected at most ${MAX_DEPTH} levels, found more`);
    if (--this.#partsLeft < 0) this.#fail('found more parts than a record of this size can have');
    this.value(node);
    this.#path.pop();
  }

  #boolean(): void {
    const byte = this.#byte();
    if (byte > 1) this.#fail(`expected a boolean (0 or 1), found the byte ${byte}`);
  }

  #int(): void {
    const value = this.#long();
    if (value < INT_MIN || value > INT_MAX) this.#fail(`expected a 32-bit integer, found ${value}`);
  }

  #number(kind: 'float' | 'double'): void {
    const at = this.#position;
    this.#skip(kind === 'float' ? 4 : 8, kind);
    const value = kind === 'float' ? this.#bytes.readFloatLE(at) : this.#bytes.readDoubleLE(at);
    if (!Number.isFinite(value)) this.#fail(`expected a finite number, found ${value}`);
  }

  #string(): Buffer {
    const length = this.#length();
    const text = this.#bytes.subarray(this.#position, this.#position + length);
    if (!isUtf8(text)) this.#fail('expected text in UTF-8, found other bytes');
    this.#position += length;
    return text;
  }

  #key(keys: Set<string>): string {
    const key = this.#string().toString('utf8');
    if (key === '__proto__') this.#fail('a map key must not be "__proto__"');
    if (keys.has(key)) this.#fail(`found the map key ${JSON.stringify(key.slice(0, 40))} twice`);
    keys.add(key);
    return key;
  }

  /** Arrays and maps come in blocks; a negative count is followed by the block's size in bytes. */
  #blocks(minBytes: number, item: (index: number) => void): void {
    let total = 0;
    for (let count = this.#long(); count !== 0; count = this.#long()) {
      const size = count < 0 ? this.#length() : undefined;
      const items = Math.abs(count);
      const left = this.#bytes.length - this.#position;
      // An item without bytes of its own still counts as one, or a count could be anything.
      if (items > left / Math.max(1, minBytes)) {
        this.#fail(`expected at most what ${left} bytes can hold, found a count of ${items}`);
      }
      const begin = this.#position;
      for (let i = 0; i < items; i++) item(total + i);
      total += items;
      if (size !== undefined && this.#position - begin !== size) {
        this.#fail(`expected a block of ${size} bytes, found ${this.#position - begin}`);
      }
    }
  }

  #index(choices: number, name: string): number {
    const index = this.#long();
    if (index < 0 || index >= choices) {
      this.#fail(`expected an index into ${name} from 0 to ${choices - 1}, found ${index}`);
    }
    return index;
  }

  #length(): number {
    const length = this.#long();
    const left = this.#bytes.length - this.#position;
    if (length < 0 || length > left) this.#fail(`expected a length from 0 to ${left}, found ${length}`);
    return length;
  }

  /** A zigzag-coded integer of seven bits a byte, lowest first; exact, or refused. */
  #long(): number {
    let small = 0;
    for (let i = 0; i < 4; i++) {
      const byte = this.#byte();
      small |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        this.#shortest(byte, i);
        return (small >>> 1) ^ -(small & 1);
      }
    }
    let large = BigInt(small);
    for (let i = 4; i < MAX_LONG_BYTES; i++) {
      const byte = this.#byte();
      large |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) {
        this.#shortest(byte, i);
        const value = Number((large >> 1n) ^ -(large & 1n));
        if (!Number.isSafeInteger(value)) this.#fail('expected an integer within 2^53, found a larger one');
        return value;
      }
    }
    return this.#fail('expected an integer of at most 64 bits, found a longer one');
  }

  #varint(): void {
    for (let i = 0; i < MAX_LONG_BYTES; i++) if (this.#byte() < 0x80) return;
    this.#fail('expected an integer of at most 64 bits, found a longer one');
  }

  #shortest(last: number, index: number): void {
    if (last === 0 && index > 0) this.#fail('expected an integer in its shortest form, found padding');
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) return this.#fail('the bytes end too early');
    this.#position++;
    return byte;
  }

  #skip(count: number, what: string): void {
    const left = this.#bytes.length - this.#position;
    if (count > left) this.#fail(`expected ${count} ${what}, found only ${left} bytes`);
    this.#position += count;
  }

  #fail(problem: string): never {
    throw new DataError(
      `${where(this.#topic, this.#path)}: ${problem} (byte ${this.#position} of ${this.#bytes.length}).`,
    );
  }
}
