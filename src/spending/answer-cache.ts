/**
 * Answers by their whole request, kept across runs. An entry whose bytes are not those that were written is no
 * answer: it is dropped, and told.
 *
 * Keys: 1 and the hash of the request, with what was answered; 2 and a running number, with the hash of the
 * request that had it, in the order in which they came; 3, with the sums.
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { TransportError } from '../errors.ts';
import { hasStore, Store } from './store.ts';

const MARK = 'swirl answers 1';
const SUMS = Buffer.from([3]);
const SEAL_BYTES = 16;
const NUMBER_BYTES = 8;
const HASH_BYTES = 32;

/** LMDB's page: values beyond half of it take pages of their own. */
const PAGE_BYTES = 4096;
/** Pages of a tree whose keys come in any order are about two thirds full. */
const FILL = 2 / 3;
/** Of both entries: keys, headers, the hash. */
const ENTRY_BYTES = 120;
/** Of the bound, what entries may take: the rest is pages that wait to be used again (a third was measured). */
const SHARE = 0.6;

export interface CacheFigures {
  readonly answers: number;
  /** About what they take on the disk. */
  readonly bytes: number;
}

export interface AnswerCacheOptions {
  readonly folder: string;
  readonly maxBytes: number;
  readonly notify: (message: string) => void;
}

interface Sums extends CacheFigures {
  /** Of the next answer. */
  readonly next: number;
}

/** The name of a request: the SHA-256 of its JSON, with keys in order. */
export function requestHash(key: object): Buffer {
  return createHash('sha256').update(canonical(key)).digest();
}

export class AnswerCache {
  readonly #store: Store;
  readonly #options: AnswerCacheOptions;
  #isFull = false;

  private constructor(store: Store, options: AnswerCacheOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Opens the cache of a folder, made if missing. Throws a `TransportError` where that cannot be. */
  static open(options: AnswerCacheOptions): AnswerCache {
    const { folder, notify } = options;
    return new AnswerCache(Store.open({ folder, mark: MARK, notify }), options);
  }

  /** What was answered, or null. */
  get(hash: Buffer): string | null {
    const stored = this.#store.get(answerKey(hash));
    if (stored === undefined) return null;
    const text = unsealed(hash, stored);
    if (text !== null) return text;
    const { folder } = this.#store;
    this.#options.notify(`an answer in ${folder} is damaged (checksum): it is dropped, and asked for again`);
    void this.drop(hash).catch(() => {});
    return null;
  }

  /** Keeps an answer; the first of two that come at once. A disk that takes no more is told, and stops nothing. */
  async put(hash: Buffer, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    if (this.#isFull || sizeOf(bytes.length) > this.#options.maxBytes / 4) return;
    try {
      await this.#store.write(() => this.#put(hash, bytes));
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#isFull = true;
      this.#options.notify(`${error.message}; answers are not kept from now on`);
    }
  }

  drop(hash: Buffer): Promise<void> {
    return this.#store.write(() => {
      const stored = this.#store.inWrite(answerKey(hash));
      if (stored !== undefined) this.#remove(hash, stored);
    });
  }

  figures(): CacheFigures {
    const { answers, bytes } = sumsIn(this.#store.get(SUMS));
    return { answers, bytes };
  }

  close(): void {
    this.#store.close();
  }

  #put(hash: Buffer, bytes: Buffer): void {
    const key = answerKey(hash);
    if (this.#store.inWrite(key) !== undefined) return;
    const { next, answers, bytes: taken } = sumsIn(this.#store.inWrite(SUMS));
    this.#store.put(key, sealed(hash, next, bytes));
    this.#store.put(orderKey(next), hash);
    this.#sums({ next: next + 1, answers: answers + 1, bytes: taken + sizeOf(bytes.length) });
    this.#makeRoom();
  }

  #makeRoom(): void {
    const most = SHARE * this.#options.maxBytes;
    for (;;) {
      if (sumsIn(this.#store.inWrite(SUMS)).bytes <= most) return;
      const [oldest] = this.#store.range(orderKey(0), orderKey(2 ** 48), 1);
      if (oldest === undefined) return;
      const stored = this.#store.inWrite(answerKey(oldest.value));
      if (stored === undefined) this.#store.remove(oldest.key);
      else this.#remove(oldest.value, Buffer.from(stored), oldest.key);
    }
  }

  #remove(hash: Buffer, stored: Buffer, order?: Buffer): void {
    const length = Math.max(0, stored.length - SEAL_BYTES - NUMBER_BYTES);
    const place = order ?? orderKey(stored.length < 24 ? 0 : Number(stored.readBigUInt64BE(SEAL_BYTES)));
    // A damaged entry may name another's place.
    if (this.#store.inWrite(place)?.equals(hash)) this.#store.remove(place);
    this.#store.remove(answerKey(hash));
    const { next, answers, bytes } = sumsIn(this.#store.inWrite(SUMS));
    this.#sums({ next, answers: Math.max(0, answers - 1), bytes: Math.max(0, bytes - sizeOf(length)) });
  }

  #sums(sums: Sums): void {
    this.#store.put(SUMS, Buffer.from(JSON.stringify(sums)));
  }
}

/** What is kept in a folder; null where nothing is. */
export function cacheFigures(folder: string): CacheFigures | null {
  return Store.look(folder, (store) => {
    const { answers, bytes } = sumsIn(store.get(SUMS));
    return { answers, bytes };
  });
}

/** Deletes a folder of answers, damaged or not. Throws a `TransportError` where it holds something else. */
export function clearCache(folder: string): CacheFigures | null {
  const figures = cacheFigures(folder);
  if (!hasStore(folder)) return figures;
  AnswerCache.open({ folder, maxBytes: 0, notify: () => {} }).close();
  for (const one of [folder, `${folder}.damaged`]) rmSync(one, { recursive: true, force: true });
  return figures;
}

function answerKey(hash: Buffer): Buffer {
  return Buffer.concat([Buffer.from([1]), hash]);
}

function orderKey(number: number): Buffer {
  const key = Buffer.alloc(1 + NUMBER_BYTES);
  key[0] = 2;
  // A damaged number names no place.
  key.writeBigUInt64BE(BigInt(Number.isSafeInteger(number) ? number : 0), 1);
  return key;
}

function sealOf(hash: Buffer, rest: Uint8Array): Buffer {
  return createHash('sha256').update(hash).update(rest).digest().subarray(0, SEAL_BYTES);
}

/** Seal, number, text: the seal is of all of it and of the request, so that a value in a wrong place is seen too. */
function sealed(hash: Buffer, number: number, text: Buffer): Buffer {
  const rest = Buffer.alloc(NUMBER_BYTES + text.length);
  rest.writeBigUInt64BE(BigInt(number));
  text.copy(rest, NUMBER_BYTES);
  return Buffer.concat([sealOf(hash, rest), rest]);
}

function unsealed(hash: Buffer, stored: Buffer): string | null {
  if (hash.length !== HASH_BYTES || stored.length < SEAL_BYTES + NUMBER_BYTES) return null;
  const rest = stored.subarray(SEAL_BYTES);
  if (!sealOf(hash, rest).equals(stored.subarray(0, SEAL_BYTES))) return null;
  return rest.subarray(NUMBER_BYTES).toString();
}

function sumsIn(stored: Buffer | undefined): Sums {
  if (stored === undefined) return { next: 0, answers: 0, bytes: 0 };
  try {
    return JSON.parse(stored.toString()) as Sums;
  } catch {
    // Damaged: what is there is not counted any more, and what comes is beyond any number that was given out.
    return { next: 2 ** 40, answers: 0, bytes: 0 };
  }
}

/** About what an answer of so many bytes takes on the disk. */
function sizeOf(length: number): number {
  const whole = length + SEAL_BYTES + NUMBER_BYTES + ENTRY_BYTES;
  const small = Math.ceil(whole / FILL);
  return length < PAGE_BYTES / 2 - 100
    ? small
    : Math.ceil(whole / PAGE_BYTES) * PAGE_BYTES + Math.ceil(ENTRY_BYTES / FILL);
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
