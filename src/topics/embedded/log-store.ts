/**
 * What is in a log: topics, entries, progress. Reads on the snapshot and writes in the transaction of the
 * caller.
 */
import { partitionOf } from '../partition-of.ts';
import type { LogEntry, Output } from '../transport.ts';
import { Damaged } from './damage.ts';
import type { HashWriter } from './key-hashes.ts';
import {
  ENTRY_KEY_BYTES,
  type EntryPacker,
  endKey,
  entryKey,
  entryTime,
  isGap,
  MAX_OFFSET,
  type Place,
  progressKey,
  TOPIC_KEYS,
  topicKey,
  unpackEntry,
} from './log-format.ts';
import type { LogValues } from './log-values.ts';

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
export function listTopics(values: LogValues): StoredTopic[] {
  const topics: StoredTopic[] = [];
  for (const { key, value } of values.range(TOPIC_KEYS)) {
    const id = Buffer.from(key).readUInt16BE(1);
    const { name, partitions } = parse<StoredTopic>(values.unsealed(key, value, () => `topic number ${id}`));
    topics.push({ id, name, partitions });
  }
  return topics;
}

/** Writes a topic after the others. */
export function putTopic(values: LogValues, name: string, partitions: number): StoredTopic {
  const id = (listTopics(values).at(-1)?.id ?? 0) + 1;
  values.put(topicKey(id), Buffer.from(JSON.stringify({ name, partitions })));
  const topic = { id, name, partitions };
  // So that an end that is missing later on is known to be lost.
  for (let partition = 0; partition < partitions; partition++)
    putEnd(values, topic, partition, { offset: 0, time: 0 });
  return topic;
}

export function partitionEnd(values: LogValues, topic: StoredTopic, partition: number): PartitionEnd {
  const what = () => `the end of topic ${topic.name}, partition ${partition}`;
  const numbers = values.get(endKey(topic.id, partition), what);
  if (numbers !== undefined) return { offset: numbers.readDoubleBE(0), time: numbers.readDoubleBE(8) };
  if (values.isSealed) throw new Damaged(`${what()} is missing`);
  return { offset: 0, time: 0 };
}

export function putEnd(values: LogValues, topic: StoredTopic, partition: number, end: PartitionEnd): void {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeDoubleBE(end.offset, 0);
  bytes.writeDoubleBE(end.time, 8);
  values.put(endKey(topic.id, partition), bytes);
}

/** Offsets that are looked at in one go where they may have no record. */
const GAPPED_ENTRIES = 1000;

export interface Page {
  readonly entries: LogEntry[];
  /** Where to go on: after the last entry, and after the offsets without a record that follow it. */
  readonly next: number;
}

/** Entries in order of offset. Throws `Damaged` where one is missing or not what was written. */
export function readPage(
  values: LogValues,
  topic: StoredTopic,
  partition: number,
  options: PageOptions,
): Page {
  const entries: LogEntry[] = [];
  const { from, maxEntries, maxBytes } = options;
  const until = Math.min(options.until ?? MAX_OFFSET, partitionEnd(values, topic, partition).offset);
  let next = from;
  const { hasGaps } = values;
  const what = () => placeOf(topic, partition, next);
  let bytes = 0;
  while (next < until) {
    const room = hasGaps ? GAPPED_ENTRIES : maxEntries - entries.length;
    if (room < 1) break;
    const start = entryKey(topic.id, partition, next);
    const last = Math.min(until, next + room);
    for (const { key, value } of values.range({ start, end: entryKey(topic.id, partition, last) })) {
      const offset = Buffer.from(key).readUIntBE(5, 6);
      if (offset !== next) break;
      const packed = values.unsealed(key, value, what);
      if (!hasGaps || !isGap(packed)) {
        if (entries.length >= maxEntries || bytes >= maxBytes) return { entries, next };
        const { time, key: recordKey, value: record } = unpackEntry(packed);
        entries.push({ topic: topic.name, partition, offset, time, key: recordKey, value: record });
        bytes += value.length;
      }
      next++;
    }
    if (next < last) throw new Damaged(`${what()} is missing`);
  }
  return { entries, next };
}

function placeOf({ name }: StoredTopic, partition: number, offset: number): string {
  return `topic ${name}, partition ${partition}, offset ${offset}`;
}

/** The first offset whose entry was appended at or after `time`; the end when there is none. */
export function offsetAt(values: LogValues, topic: StoredTopic, partition: number, time: number): number {
  let [low, high] = [0, partitionEnd(values, topic, partition).offset];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (timeOf(values, topic, partition, middle) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function timeOf(values: LogValues, topic: StoredTopic, partition: number, offset: number): number {
  const what = () => placeOf(topic, partition, offset);
  const packed = values.get(entryKey(topic.id, partition, offset), what);
  if (packed === undefined) throw new Damaged(`${what()} is missing`);
  return entryTime(packed);
}

/** Where a group is in a partition; 0 where it has committed nothing. */
export function readProgress(values: LogValues, place: Place): number {
  const { group, topic, partition } = place;
  const what = () => `the progress of ${group} in topic ${topic}, partition ${partition}`;
  return values.get(progressKey(place), what)?.readDoubleBE(0) ?? 0;
}

export function putProgress(values: LogValues, place: Place, next: number): void {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(next);
  values.put(progressKey(place), bytes);
}

interface OpenEnd {
  readonly topic: StoredTopic;
  readonly partition: number;
  offset: number;
  time: number;
}

export interface AppenderOptions {
  readonly packer: EntryPacker;
  readonly hashes: HashWriter;
  /** The time of the entries, in milliseconds since 1970; a partition's times never go back. */
  readonly now: number;
}

/** Appends to partitions, each of whose ends is read once and written once per transaction. */
export class Appender {
  readonly #values: LogValues;
  readonly #packer: EntryPacker;
  readonly #now: number;
  readonly #hashes: HashWriter;
  readonly #key = Buffer.allocUnsafeSlow(ENTRY_KEY_BYTES);
  /** By topic and partition, as one number. */
  readonly #ends = new Map<number, OpenEnd>();

  constructor(values: LogValues, { packer, hashes, now }: AppenderOptions) {
    this.#values = values;
    this.#packer = packer;
    this.#hashes = hashes;
    this.#now = now;
  }

  append(topic: StoredTopic, output: Output): void {
    const partition = partitionOf(output.key, topic.partitions);
    const end = this.#end(topic, partition);
    end.time = Math.max(end.time, this.#now);
    const key = entryKey(topic.id, partition, end.offset, this.#key);
    const parts = { time: end.time, key: output.key, value: output.value };
    this.#values.putSpared(key, this.#packer.pack(parts, this.#values.spare));
    this.#hashes.add(this.#values, end, output.key);
    end.offset++;
  }

  /** Writes the new ends. */
  finish(): void {
    for (const { topic, partition, ...end } of this.#ends.values())
      putEnd(this.#values, topic, partition, end);
  }

  #end(topic: StoredTopic, partition: number): OpenEnd {
    const place = topic.id * 0x10000 + partition;
    let end = this.#ends.get(place);
    if (end === undefined) {
      end = { topic, partition, ...partitionEnd(this.#values, topic, partition) };
      this.#ends.set(place, end);
    }
    return end;
  }
}

/** A value of JSON that this module wrote. */
export function parse<T>(bytes: Buffer): T {
  return JSON.parse(bytes.toString('utf8')) as T;
}
