/**
 * Finds records by their keys. A record's key says its partition, and it was appended at or after the time of
 * what it was made of: from there on the transport looks it up, or, where it cannot, the topic is read, no
 * further than what is looked for.
 */
import { DataError } from '../errors.ts';
import { partitionOf } from '../topics/partition-of.ts';
import { arrayOf, decodeOrError } from '../topics/read-records.ts';
import { rootOf } from '../topics/record-names.ts';
import type { LogEntry } from '../topics/transport.ts';
import type { ChainRun } from './run-chain.ts';

/** A record and where it is. */
export interface Found {
  readonly run: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly time: number;
  readonly key: string;
  /** Null where its bytes make none. */
  readonly record: Readonly<Record<string, unknown>> | null;
}

export interface Wanted {
  readonly topic: string;
  /** The key; null: any, and then `matches` is asked of each. */
  readonly key: string | null;
  /** What the key begins with (`rootOf`), where only that is known. */
  readonly roots?: ReadonlySet<string>;
  readonly matches?: (key: string) => boolean;
  /** Milliseconds since 1970, before which nothing of it was appended. */
  readonly since?: number;
  /** Stop after so many. */
  readonly most?: number;
  readonly signal?: AbortSignal;
}

/** The records, in order of partition and offset. */
export async function find(run: ChainRun, wanted: Wanted): Promise<Found[]> {
  return arrayOf(each(run, wanted));
}

/** The same, one by one. */
export async function* each(run: ChainRun, wanted: Wanted): AsyncGenerator<Found, void> {
  const { topic, key, matches = () => true, since, most = Number.POSITIVE_INFINITY, signal } = wanted;
  const roots = key === null ? wanted.roots : new Set([rootOf(key)]);
  const info = run.topics.find(({ name }) => name === topic);
  if (info === undefined || info.offsets.every(({ start, end }) => start === end)) return;
  const options = {
    ...(key === null ? {} : { partition: partitionOf(key, info.partitions) }),
    ...(since === undefined ? {} : { from: { time: since } }),
    ...(signal === undefined ? {} : { signal }),
  };
  let left = most;
  const isWanted = (of: string) =>
    key === null ? (roots?.has(rootOf(of)) ?? true) && matches(of) : of === key;
  const { transport } = run;
  const entries =
    roots === undefined || transport.lookUp === undefined
      ? transport.read(topic, options)
      : transport.lookUp(topic, { roots, ...options });
  for await (const entry of entries) {
    if (!isWanted(entry.key)) continue;
    yield await foundOf(run, entry);
    if (--left < 1) return;
  }
}

/** A range of a partition. */
export interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** The offset after the last. */
  readonly to: number;
}

export async function findRange(run: ChainRun, { topic, partition, from, to }: Range): Promise<Found[]> {
  const found: Found[] = [];
  if (from >= to) return found;
  // On Kafka offsets skip the marks of transactions: the range has no more records than offsets.
  for await (const entry of run.transport.read(topic, {
    partition,
    from: { offset: from },
    limit: to - from,
  })) {
    if (entry.offset >= to) break;
    found.push(await foundOf(run, entry));
  }
  return found;
}

async function foundOf({ codec, topology }: ChainRun, entry: LogEntry): Promise<Found> {
  const { topic, partition, offset, time, key, value } = entry;
  await codec.learn?.(topic, [value]);
  const record: unknown = decodeOrError(codec, topic, value);
  return {
    run: topology.run,
    ...{ topic, partition, offset, time, key },
    record: record instanceof DataError ? null : (record as Record<string, unknown>),
  };
}
