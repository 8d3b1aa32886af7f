/**
 * How the embedded log lies in LMDB: one ordered tree whose keys begin with what they are. Numbers are
 * big-endian, so that keys sort by value.
 *
 * | key | value |
 * |---|---|
 * | `0` topic id (u16), partition (u16), piece (u48) | hashes of the keys of 2,000 records (`key-hashes.ts`) |
 * | `1` | the marker: format, version, run (JSON) |
 * | `2` topic id (u16) | name and partitions (JSON); ids count up, so topics are listed in order of creation |
 * | `3` topic id (u16), partition (u16) | offset after the last entry (f64), its time (f64) |
 * | `4` group, run, topic, partition (JSON) | committed offset (f64) |
 * | `5` group, run, topic, partition (JSON) | owner: epoch, pid, process (JSON) |
 * | `6` topic id (u16), partition (u16), offset (u48) | time (f64), key's length (u16), key, value |
 *
 * A checksum (u32, little-endian) follows each value but the marker's, which has it in its JSON. In logs that
 * came from Kafka an offset may have no record: its value is the time (f64) of the record before it, alone.
 *
 * Logs of earlier versions may have no hashes of keys.
 *
 * There is no time index: every offset has its entry and times never go back within a partition, so an entry
 * is found by its time by bisection.
 */

import type { Checksums } from './checksums.ts';

export const FORMAT = 'swirl-log';

/** What a log's format decides. */
export interface Format {
  /** With what checksums are made; null: there are none. */
  readonly checksum: keyof Checksums | null;
  /** Whether offsets may have no record. */
  readonly hasGaps: boolean;
}

/** All formats by number: a new one wherever an older Swirl could not read or could damage the log. */
export const FORMATS: ReadonlyMap<number, Format> = new Map([
  [1, { checksum: null, hasGaps: false }],
  [2, { checksum: 'xxh32', hasGaps: false }],
  [3, { checksum: 'xxh32', hasGaps: true }],
  [4, { checksum: 'nh', hasGaps: false }],
  [5, { checksum: 'nh', hasGaps: true }],
]);
export const NEWEST_FORMAT = 5;

/** That of a log that is made now. */
export function formatOf(hasGaps: boolean): number {
  return hasGaps ? 5 : 4;
}

/** The marker's value. */
export interface Marker {
  readonly format: string;
  readonly version: number;
  readonly run: string;
  /** Of the others, from format 2 on. */
  readonly checksum?: number;
}

export const MARKER_KEY = Buffer.from([1]);
export const TOPIC_KEYS = { start: Buffer.from([2]), end: Buffer.from([3]) };
export const OWNER_KEYS = { start: Buffer.from([5]), end: Buffer.from([6]) };
/** All that is not of records sorts before, and nothing after. */
export const ENTRY_KEYS = { start: Buffer.from([6]) };

/** A group's place: what progress and ownership belong to. */
export interface Place {
  readonly group: string;
  readonly run: string;
  readonly topic: string;
  readonly partition: number;
}

export function topicKey(id: number): Buffer {
  return numbered(2, id);
}

export function endKey(topicId: number, partition: number): Buffer {
  return numbered(3, topicId, partition);
}

export function progressKey(place: Place): Buffer {
  return placed(4, place);
}

export function ownerKey(place: Place): Buffer {
  return placed(5, place);
}

/** An entry's key, in `into` where given. */
export function entryKey(
  topicId: number,
  partition: number,
  offset: number,
  into = Buffer.allocUnsafe(ENTRY_KEY_BYTES),
): Buffer {
  const key = into;
  key[0] = 6;
  key.writeUInt16BE(topicId, 1);
  key.writeUInt16BE(partition, 3);
  key.writeUIntBE(offset, 5, 6);
  return key;
}

/** Of the hashes of a piece of a partition: like an entry's key, before everything else. */
export function hashesKey(topicId: number, partition: number, piece: number): Buffer {
  const key = entryKey(topicId, partition, piece);
  key[0] = 0;
  return key;
}

export const ENTRY_KEY_BYTES = 11;
/** The largest offset that an entry's key holds. */
export const MAX_OFFSET = 2 ** 48 - 1;
/** The longest record key, in bytes of UTF-8. */
export const MAX_RECORD_KEY_BYTES = 0xffff;

const ENTRY_HEADER_BYTES = 10;
/** The length of an entry that is no record. */
const GAP_BYTES = 8;

interface EntryParts {
  readonly time: number;
  readonly key: string;
  readonly value: Uint8Array;
}

/**
 * Packs entries' values one after the other into the same memory, which lmdb copies from at once: memory of
 * their own would cost more than the writing (its address is looked up for each new buffer).
 */
export class EntryPacker {
  #memory = Buffer.allocUnsafeSlow(16 * 1024);

  /** An entry's value from its parts, with `spare` bytes after it; valid until the next call. */
  pack({ time, key, value }: EntryParts, spare: number): Buffer {
    // UTF-8 takes at most three bytes for each of a string's 16-bit units.
    const most = ENTRY_HEADER_BYTES + 3 * key.length + value.length + spare;
    if (this.#memory.length < most) this.#memory = Buffer.allocUnsafeSlow(2 * most);
    const packed = this.#memory;
    const keyBytes = packed.write(key, ENTRY_HEADER_BYTES, 'utf8');
    packed.writeDoubleBE(time, 0);
    packed.writeUInt16BE(keyBytes, 8);
    packed.set(value, ENTRY_HEADER_BYTES + keyBytes);
    return packed.subarray(0, ENTRY_HEADER_BYTES + keyBytes + value.length + spare);
  }
}

/** An entry that is no record: what stands at an offset that has none. */
export function packGap(time: number): Buffer {
  const packed = Buffer.allocUnsafe(GAP_BYTES);
  packed.writeDoubleBE(time);
  return packed;
}

export function isGap(packed: Buffer): boolean {
  return packed.length === GAP_BYTES;
}

/** The time of an entry, record or not. */
export function entryTime(packed: Buffer): number {
  return packed.readDoubleBE(0);
}

/** The parts of an entry's value; `value` is a view into it. */
export function unpackEntry(packed: Buffer): EntryParts {
  const valueAt = ENTRY_HEADER_BYTES + packed.readUInt16BE(8);
  return {
    time: packed.readDoubleBE(0),
    key: packed.toString('utf8', ENTRY_HEADER_BYTES, valueAt),
    value: packed.subarray(valueAt),
  };
}

function numbered(kind: number, ...numbers: number[]): Buffer {
  const key = Buffer.allocUnsafe(1 + 2 * numbers.length);
  key[0] = kind;
  numbers.forEach((n, i) => {
    key.writeUInt16BE(n, 1 + 2 * i);
  });
  return key;
}

function placed(kind: number, { group, run, topic, partition }: Place): Buffer {
  return Buffer.concat([Buffer.from([kind]), Buffer.from(JSON.stringify([group, run, topic, partition]))]);
}
