/**
 * What is in a log: topics, entries, progress. Reads on the snapshot and writes in the transaction of the
 * caller.
 */
import { TransportError } from '../../errors.ts';
import { partitionOf } from '../partition-of.ts';
import type { LogEntry, Output } from '../transport.ts';
import type { Bytes } from './log-file.ts';
import {
  ENTRY_KEY_BYTES,
  type EntryPacker,
  endKey,
  entryKey,
  MAX_OFFSET,
  type Place,
  progressKey,
  TOPIC_KEYS,
  topicKey,
  unpackEntry,
} from './log-format.ts';

export interface StoredTopic {
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
}

/** How far a partition goes. */
export interface PartitionEnd {
  /** The offset after the last entry. */
  readonly offset: number;
  /** The last entry's time; 0 when there is none. */
  readonly time: number;
}

export interface PageOptions {
  readonly from: number;
  /** Not beyond this offset. */
  readonly until?: number;
  /** At most this many entries. */
  readonly maxEntries: number;
  /** Stop after the entry that reaches this many bytes. */
  readonly maxBytes: number;
}

/** All topics, in order of creation. */
export function listTopics(db: Bytes): StoredTopic[] {
  const topics: StoredTopic[] = [];
  for (const { key, value } of db.getRange(TOPIC_KEYS)) {
    const { name, partitions } = parse<StoredTopic>(value);
    topics.push({ id: Buffer.from(key).readUInt16BE(1), name, partitions });
  }
  return topics;
}

/** Writes a topic after the others. */
export function putTopic(db: Bytes, name: string, partitions: number): StoredTopic {
  const id = (listTopics(db).at(-1)?.id ?? 0) + 1;
  db.putSync(topicKey(id), Buffer.from(JSON.stringify({ name, partitions })));
  return { id, name, partitions };
}

export function partitionEnd(db: Bytes, topic: StoredTopic, partition: number): PartitionEnd {
  const bytes = db.getBinary(endKey(topic.id, partition));
  if (bytes === undefined) return { offset: 0, time: 0 };
  const numbers = asBuffer(bytes);
  return { offset: numbers.readDoubleBE(0), time: numbers.readDoubleBE(8) };
}

/** Entries in order of offset. */
export function readPage(db: Bytes, topic: StoredTopic, partition: number, options: PageOptions): LogEntry[] {
  const entries: LogEntry[] = [];
  const until = options.until ?? MAX_OFFSET;
  const range = {
    start: entryKey(topic.id, partition, options.from),
    end: entryKey(topic.id, partition, until),
    limit: options.maxEntries,
  };
  if (options.maxEntries < 1 || options.from >= until) return entries;
  let bytes = 0;
  for (const { key, value } of db.getRange(range)) {
    const { time, key: recordKey, value: record } = unpackEntry(asBuffer(value));
    const offset = Buffer.from(key).readUIntBE(5, 6);
    entries.push({ topic: topic.name, partition, offset, time, key: recordKey, value: record });
    bytes += value.length;
    if (bytes >= options.maxBytes) break;
  }
  return entries;
}

/** The first offset whose entry was appended at or after `time`; the end when there is none. */
export function offsetAt(db: Bytes, topic: StoredTopic, partition: number, time: number): number {
  let [low, high] = [0, partitionEnd(db, topic, partition).offset];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (timeOf(db, topic, partition, middle) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function timeOf(db: Bytes, topic: StoredTopic, partition: number, offset: number): number {
  const packed = db.getBinary(entryKey(topic.id, partition, offset));
  if (packed === undefined) {
    throw new TransportError(
      `Topic ${topic.name}, partition ${partition}: offset ${offset} is missing from the log.`,
    );
  }
  return unpackEntry(asBuffer(packed)).time;
}

/** Where a group is in a partition; 0 where it has committed nothing. */
export function readProgress(db: Bytes, place: Place): number {
  const bytes = db.getBinary(progressKey(place));
  return bytes === undefined ? 0 : asBuffer(bytes).readDoubleBE(0);
}

export function putProgress(db: Bytes, place: Place, next: number): void {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(next);
  db.putSync(progressKey(place), bytes);
}

interface OpenEnd {
  readonly topic: StoredTopic;
  readonly partition: number;
  offset: number;
  time: number;
}

/** Appends to partitions, each of whose ends is read once and written once per transaction. */
export class Appender {
  readonly #db: Bytes;
  readonly #packer: EntryPacker;
  readonly #now: number;
  readonly #key = Buffer.allocUnsafeSlow(ENTRY_KEY_BYTES);
  /** By topic and partition, as one number. */
  readonly #ends = new Map<number, OpenEnd>();

  /** `now`: the time of the entries, in milliseconds since 1970; a partition's times never go back. */
  constructor(db: Bytes, packer: EntryPacker, now: number) {
    this.#db = db;
    this.#packer = packer;
    this.#now = now;
  }

  append(topic: StoredTopic, output: Output): void {
    const partition = partitionOf(output.key, topic.partitions);
    const end = this.#end(topic, partition);
    end.time = Math.max(end.time, this.#now);
    const key = entryKey(topic.id, partition, end.offset, this.#key);
    this.#db.putSync(key, this.#packer.pack(end.time, output.key, output.value));
    end.offset++;
  }

  /** Writes the new ends. */
  finish(): void {
    for (const { topic, partition, offset, time } of this.#ends.values()) {
      const bytes = Buffer.allocUnsafe(16);
      bytes.writeDoubleBE(offset, 0);
      bytes.writeDoubleBE(time, 8);
      this.#db.putSync(endKey(topic.id, partition), bytes);
    }
  }

  #end(topic: StoredTopic, partition: number): OpenEnd {
    const place = topic.id * 0x10000 + partition;
    let end = this.#ends.get(place);
    if (end === undefined) {
      end = { topic, partition, ...partitionEnd(this.#db, topic, partition) };
      this.#ends.set(place, end);
    }
    return end;
  }
}

/** A value of JSON that this module wrote. */
export function parse<T>(bytes: Uint8Array): T {
  return JSON.parse(asBuffer(bytes).toString('utf8')) as T;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
