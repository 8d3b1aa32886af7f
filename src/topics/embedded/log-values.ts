/**
 * The values of a log, each with a checksum of its own: LMDB gives back changed bytes as it finds them. The
 * checksum begins from the value's key, so that a whole value in the wrong place is seen too.
 */
import type { RootDatabase } from 'lmdb';
import type { Checksum } from './checksums.ts';
import { Damaged } from './damage.ts';
import type { PageGuard } from './page-guard.ts';

export type Bytes = RootDatabase<Buffer, Buffer>;

const CHECKSUM_BYTES = 4;
const AFTER_ALL = Buffer.from([0xff]);

export interface LogValuesOptions {
  /** Null: values carry no checksum, as those of logs that were made before there were any. */
  readonly checksum: Checksum | null;
  readonly hasGaps: boolean;
  /** Null where all pages were looked at. */
  readonly guard: PageGuard | null;
}

interface Range {
  readonly start: Buffer;
  /** The key after the last. */
  readonly end: Buffer;
}

export class LogValues {
  readonly db: Bytes;
  /** Whether offsets may have no record. */
  readonly hasGaps: boolean;
  readonly #checksum: Checksum | null;
  readonly #guard: PageGuard | null;

  constructor(db: Bytes, { checksum, hasGaps, guard }: LogValuesOptions) {
    this.db = db;
    this.hasGaps = hasGaps;
    this.#checksum = checksum;
    this.#guard = guard;
  }

  get isSealed(): boolean {
    return this.#checksum !== null;
  }

  /** How many bytes at the end of a value are not the caller's. */
  get spare(): number {
    return this.#checksum === null ? 0 : CHECKSUM_BYTES;
  }

  /** The value, if there is one. Throws `Damaged`, with `what` it is, where its bytes have changed. */
  get(key: Buffer, what: () => string): Buffer | undefined {
    this.#guard?.touch(key);
    const stored = this.db.getBinary(key);
    return stored === undefined ? undefined : this.unsealed(key, stored, what);
  }

  /** Keys and values as they are stored, in order. */
  range(range: Range): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    this.#guard?.touch(range.start, range.end);
    return this.db.getRange(range);
  }

  /** How many keys there are. */
  count(range: Range): number {
    this.#guard?.touch(range.start, range.end);
    return this.db.getKeysCount(range);
  }

  /** The last key of all. */
  lastKey(): Buffer | undefined {
    this.#guard?.touch(AFTER_ALL);
    const [last] = this.db.getKeys({ reverse: true, limit: 1 });
    return last === undefined ? undefined : Buffer.from(last);
  }

  put(key: Buffer, value: Buffer): void {
    const stored = Buffer.allocUnsafe(value.length + this.spare);
    value.copy(stored);
    this.putSpared(key, stored);
  }

  /** The same of a value that has `spare` bytes after its own. */
  putSpared(key: Buffer, stored: Buffer): void {
    const end = stored.length - CHECKSUM_BYTES;
    if (this.#checksum !== null)
      stored.writeUInt32LE(this.#checksum(stored.subarray(0, end), seedOf(key)), end);
    this.db.putSync(key, stored);
  }

  /** The caller's bytes of a stored value: a view. Throws as `get`. */
  unsealed(key: Uint8Array, stored: Uint8Array, what: () => string): Buffer {
    const bytes = asBuffer(stored);
    if (this.#checksum === null) return bytes;
    const end = bytes.length - CHECKSUM_BYTES;
    if (end >= 0) {
      const value = bytes.subarray(0, end);
      if (this.#checksum(value, seedOf(key)) === bytes.readUInt32LE(end)) return value;
    }
    throw new Damaged(`${what()}: its bytes are not those that were written (checksum)`);
  }
}

/** FNV-1a of the key: cheaper than a second call of the checksum's function. */
function seedOf(key: Uint8Array): number {
  let seed = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) seed = Math.imul(seed ^ (key[i] as number), 0x01000193);
  return seed >>> 0;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
