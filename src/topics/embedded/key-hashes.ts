/**
 * Which offsets of a partition have records of a question, without reading the records: for each piece of
 * `PIECE` offsets a hash of every key's first part, in the order of the offsets. Keys name what records came of
 * (`q17/2` is a rollout of `q17`), so that all that came of a question has its hash.
 *
 * A piece is written with the record that fills it, in its transaction: one page for 2,000 records. A piece
 * that is missing, as in logs of earlier versions, and what no piece is full of, is read itself. Who finds an
 * offset here reads the record and compares its key.
 */
import { Damaged } from './damage.ts';
import { entryKey, hashesKey, isGap, unpackEntry } from './log-format.ts';
import type { LogValues } from './log-values.ts';

interface HashedTopic {
  readonly id: number;
  readonly name: string;
}

/** With its checksum and headers a piece fills a page of 8 kB. */
export const PIECE = 2000;
/** No hash: of an offset that has no record, or whose key is not known yet. */
const NONE = 0;

/** Of a key's first part (`rootOf`): FNV-1a over its UTF-16 units, never 0. */
export function hashOfRoot(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    if (unit === 0x2f) break;
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  // Names that differ in their last digit alone are to differ in all bits.
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0 || 1;
}

interface OpenPiece {
  number: number;
  readonly hashes: Uint32Array;
}

/** Collects the hashes of what is appended, until a piece is full. */
export class HashWriter {
  /** By topic and partition, as one number. */
  readonly #pieces = new Map<number, OpenPiece>();

  /** In the transaction that appends the record; after it, so that the piece can be filled. */
  add(values: LogValues, at: { topic: HashedTopic; partition: number; offset: number }, key: string): void {
    if (!values.isSealed) return;
    const { topic, partition, offset } = at;
    const place = topic.id * 0x10000 + partition;
    const number = Math.floor(offset / PIECE);
    let piece = this.#pieces.get(place);
    if (piece === undefined) {
      piece = { number, hashes: new Uint32Array(PIECE) };
      this.#pieces.set(place, piece);
    } else if (piece.number !== number) {
      piece.number = number;
      piece.hashes.fill(NONE);
    }
    piece.hashes[offset % PIECE] = hashOfRoot(key);
    if (offset % PIECE === PIECE - 1) writePiece(values, { topic, partition, number }, piece.hashes);
  }

  /** After a transaction that came to nothing: others may append other records at its offsets. */
  forget(): void {
    this.#pieces.clear();
  }
}

interface PiecePlace {
  readonly topic: HashedTopic;
  readonly partition: number;
  readonly number: number;
}

/** Hashes that are not known, because another process appended or this one has just begun, are looked up. */
function writePiece(values: LogValues, place: PiecePlace, hashes: Uint32Array): void {
  const first = hashes.indexOf(NONE);
  if (first >= 0) fill(values, place, hashes, { from: first, to: hashes.lastIndexOf(NONE) + 1 });
  const { topic, partition, number } = place;
  values.put(hashesKey(topic.id, partition, number), bytesOf(hashes));
}

function fill(
  values: LogValues,
  { topic, partition, number }: PiecePlace,
  hashes: Uint32Array,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const at = (offset: number) => entryKey(topic.id, partition, number * PIECE + offset);
  let next = from;
  const what = () => `topic ${topic.name}, partition ${partition}, offset ${number * PIECE + next}`;
  for (const { key, value } of values.range({ start: at(from), end: at(to) })) {
    if (Buffer.compare(key, at(next)) !== 0) break;
    const packed = values.unsealed(key, value, what);
    hashes[next++] = isGap(packed) ? NONE : hashOfRoot(unpackEntry(packed).key);
  }
  if (next < to) throw new Damaged(`${what()} is missing`);
}

function bytesOf(hashes: Uint32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 * hashes.length);
  for (let i = 0; i < hashes.length; i++) bytes.writeUInt32LE(hashes[i] as number, 4 * i);
  return bytes;
}

/** What the pieces say of a range of a partition. */
export interface Looked {
  /** Offsets that may have what is looked for. */
  readonly offsets: number[];
  /** Ranges of which no piece says anything, in order. */
  readonly unknown: { readonly from: number; readonly to: number }[];
}

/** Where from `from` on, and before `to`, records of these hashes may be. Throws `Damaged`. */
export function lookInPieces(
  values: LogValues,
  { topic, partition }: { readonly topic: HashedTopic; readonly partition: number },
  { from, to, hashes }: { readonly from: number; readonly to: number; readonly hashes: ReadonlySet<number> },
): Looked {
  const looked: Looked = { offsets: [], unknown: [] };
  // Mostly it is one: a comparison is faster than a set.
  const only = hashes.size === 1 ? [...hashes][0] : undefined;
  let next = from;
  const leave = (until: number) => {
    if (until > next) looked.unknown.push({ from: next, to: until });
  };
  if (values.isSealed && to > from) {
    const range = {
      start: hashesKey(topic.id, partition, Math.floor(from / PIECE)),
      end: hashesKey(topic.id, partition, Math.floor(to / PIECE) + 1),
    };
    for (const { key, value } of values.range(range)) {
      const number = Buffer.from(key).readUIntBE(5, 6);
      const first = number * PIECE;
      const piece = values.unsealed(key, value, () => nameOf({ topic, partition, number }));
      leave(Math.max(from, first));
      const until = Math.min(to, first + PIECE);
      for (let offset = Math.max(from, first); offset < until; offset++) {
        const hash = piece.readUInt32LE(4 * (offset - first));
        if (hash === only || (only === undefined && hashes.has(hash))) looked.offsets.push(offset);
      }
      next = Math.max(next, until);
    }
  }
  leave(to);
  return looked;
}

/** A partition as far as it goes. */
interface WholePartition {
  readonly topic: HashedTopic;
  readonly partition: number;
  readonly end: number;
}

/**
 * Writes the pieces of a partition that are missing from number `from` on, at most so many; in a transaction.
 * Returns where to go on; null after the last.
 */
export function writeMissingPieces(
  values: LogValues,
  { topic, partition, end }: WholePartition,
  { from, most }: { readonly from: number; readonly most: number },
): number | null {
  let written = 0;
  for (let number = from; (number + 1) * PIECE <= end; number++) {
    if (written >= most) return number;
    const place = { topic, partition, number };
    if (values.get(hashesKey(topic.id, partition, number), () => nameOf(place)) !== undefined) continue;
    writePiece(values, place, new Uint32Array(PIECE));
    written++;
  }
  return null;
}

/** The pieces of a partition that are there and do not say what its records' keys say: none, ever. */
export function wrongPieces(
  values: LogValues,
  {
    topic,
    partition,
    end,
  }: { readonly topic: HashedTopic; readonly partition: number; readonly end: number },
): number[] {
  const wrong: number[] = [];
  if (!values.isSealed) return wrong;
  for (let number = 0; (number + 1) * PIECE <= end; number++) {
    const place = { topic, partition, number };
    const piece = values.get(hashesKey(topic.id, partition, number), () => nameOf(place));
    if (piece === undefined) continue;
    const hashes = new Uint32Array(PIECE);
    fill(values, place, hashes, { from: 0, to: PIECE });
    if (!bytesOf(hashes).equals(piece)) wrong.push(number);
  }
  return wrong;
}

function nameOf({ topic, partition, number }: PiecePlace): string {
  return `the hashes of topic ${topic.name}, partition ${partition}, from offset ${number * PIECE} on`;
}
