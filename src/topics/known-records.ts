/**
 * Which records a topic holds, by id and content, in constant space for each: 16 bytes in a table that is at
 * most 70% full, and 8 in one of contents alone. A million records take 48 MiB, however long they are.
 */
import { createHash } from 'node:crypto';
import type { Codec } from './avro/codec.ts';
import { readRecords } from './read-records.ts';
import type { Transport } from './transport.ts';

/** Whether a record is there: under its id with its content, under its id with other content, or not. */
export type Known = 'same' | 'other' | 'new';

/** Words of a slot: 64 bits of the id's hash (never all 0), 64 of the content's. */
const WORDS = 4;
const FULL = 0.7;

export class KnownRecords {
  #slots = new Uint32Array(WORDS * 1024);
  /** Hashes of contents alone, two words each, both 0 where there is none. */
  #contents = new Uint32Array(2 * 1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(id: string, content: string): Known {
    const key = hashed(id, content);
    let known: Known = 'new';
    for (const at of this.#places(key)) {
      if (this.#slots[at] === 0 && this.#slots[at + 1] === 0) break;
      if (this.#slots[at] !== key[0] || this.#slots[at + 1] !== key[1]) continue;
      if (this.#slots[at + 2] === key[2] && this.#slots[at + 3] === key[3]) return 'same';
      known = 'other';
    }
    return known;
  }

  /** Whether a record with this content is there, whatever its id. */
  hasContent(content: string): boolean {
    const at = this.#placeOf(contentHash(hashed('', content)));
    return this.#contents[at] !== 0 || this.#contents[at + 1] !== 0;
  }

  add(id: string, content: string): void {
    if (this.#size * WORDS >= FULL * this.#slots.length) this.#grow();
    const key = hashed(id, content);
    this.#put(key);
    const ofContent = contentHash(key);
    this.#contents.set(ofContent, this.#placeOf(ofContent));
    this.#size++;
  }

  /** Where a content's hash is, or would be. */
  #placeOf([low = 0, high = 0]: Uint32Array): number {
    const words = this.#contents;
    let at = (2 * low) % words.length;
    const isFree = () => words[at] === 0 && words[at + 1] === 0;
    while (!isFree() && (words[at] !== low || words[at + 1] !== high)) at = (at + 2) % words.length;
    return at;
  }

  #put(key: Uint32Array): void {
    for (const at of this.#places(key)) {
      if (this.#slots[at] !== 0 || this.#slots[at + 1] !== 0) continue;
      this.#slots.set(key, at);
      return;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(2 * before.length);
    const contents = this.#contents;
    this.#contents = new Uint32Array(2 * contents.length);
    for (let at = 0; at < contents.length; at += 2) {
      const hash = contents.subarray(at, at + 2);
      if (hash[0] !== 0 || hash[1] !== 0) this.#contents.set(hash, this.#placeOf(hash));
    }
    for (let at = 0; at < before.length; at += WORDS) {
      if (before[at] !== 0 || before[at + 1] !== 0) this.#put(before.subarray(at, at + WORDS));
    }
  }

  /** Where a key may be, one place after the other. */
  *#places([first = 0]: Uint32Array): Generator<number> {
    const count = this.#slots.length / WORDS;
    for (let n = 0; n < count; n++) yield WORDS * ((first + n) % count);
  }
}

/** Reads a topic as it is now. Records without an id, and what makes no record, are left out. */
export async function knownRecords(
  source: { readonly transport: Transport; readonly codec: Codec },
  topic: string,
  signal: AbortSignal,
): Promise<KnownRecords> {
  const known = new KnownRecords();
  for await (const record of readRecords(source, topic, { signal })) {
    const { id } = record as { readonly id?: unknown };
    if (typeof id === 'string') known.add(id, contentOf(record));
    if (signal.aborted) break;
  }
  return known;
}

/**
 * What a record says, apart from how it is called and where it was read: the same question in two files, or
 * read by another version of a reader, is the same question.
 */
export function contentOf(record: object): string {
  const { question, ...own } = record as Record<string, unknown>;
  const fields = { ...apart(own), ...(isObject(question) && { question: apart(question) }) };
  return JSON.stringify(sorted(fields));
}

function apart({ id: _, source: __, by: ___, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest;
}

/** In one order, whoever made it; what is null or an empty list is as if it were not there. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value) || ArrayBuffer.isView(value)) return value;
  const isSaid = (field: unknown) => field !== null && !(Array.isArray(field) && field.length === 0);
  const fields = Object.entries(value).filter(([, field]) => isSaid(field));
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function hashed(id: string, content: string): Uint32Array {
  const key = new Uint32Array(WORDS);
  for (const [n, text] of [id, content].entries()) {
    const bytes = createHash('sha256').update(text).digest();
    key[2 * n] = bytes.readUInt32LE(0);
    key[2 * n + 1] = bytes.readUInt32LE(4);
  }
  // An empty slot is all 0.
  if (key[0] === 0 && key[1] === 0) key[1] = 1;
  return key;
}

/** The content's words of a key, never both 0. */
function contentHash(key: Uint32Array): Uint32Array {
  const hash = key.slice(2);
  if (hash[0] === 0 && hash[1] === 0) hash[1] = 1;
  return hash;
}
