/** Decoded records of a topic, for those who look and do not consume. */
import { DataError } from '../errors.ts';
import type { Codec } from './avro/codec.ts';
import type { RecordOf } from './record-of.ts';
import type { LogEntry, ReadOptions, Transport } from './transport.ts';

/** An entry with its record; `record` is the error where the bytes make none. */
export interface ReadRecord<K extends string> extends LogEntry {
  readonly record: RecordOf<K> | DataError;
}

/** A topic's entries with their records, undecodable ones included. */
export async function* readEntries<K extends string>(
  { transport, codec }: { readonly transport: Transport; readonly codec: Codec },
  topic: K,
  options: ReadOptions = {},
): AsyncGenerator<ReadRecord<K>, void, void> {
  for await (const entry of transport.read(topic, options)) {
    if (codec.learn !== undefined) await codec.learn(topic, [entry.value], options.signal);
    yield { ...entry, record: decodeOrError(codec, topic, entry.value) };
  }
}

/** A topic's records, undecodable ones left out. */
export async function* readRecords<K extends string>(
  source: { readonly transport: Transport; readonly codec: Codec },
  topic: K,
  options: ReadOptions = {},
): AsyncGenerator<RecordOf<K>, void, void> {
  for await (const { record } of readEntries(source, topic, options)) {
    if (!(record instanceof DataError)) yield record;
  }
}

export async function arrayOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The record in the bytes, or what is wrong with them. */
export function decodeOrError<K extends string>(
  codec: Codec,
  topic: K,
  bytes: Uint8Array,
): RecordOf<K> | DataError {
  try {
    return codec.decode(topic, bytes);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}
