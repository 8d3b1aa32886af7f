/** Reading partitions: fetches of what is committed, and where partitions begin and end. */
import type { Header, LogEntry } from '../transport.ts';
import type { Broker, FetchedPartition, WireMessage } from './broker.ts';
import type { Link } from './link.ts';
import { fetchChecked, READ_COMMITTED, READ_UNCOMMITTED } from './wire.ts';

/** A place in a partition. */
export interface FetchFrom {
  /** The topic's name on the cluster, and in the run. */
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchLimits {
  /** About how many bytes; a larger record comes whole. */
  readonly maxBytes: number;
  /** How long the broker may wait for the first record, in milliseconds. */
  readonly waitMs: number;
}

export interface Fetched {
  readonly entries: LogEntry[];
  /** Where to go on: after the last entry, and after the transactions' marks and aborted records after it. */
  readonly next: number;
}

/** The committed records of one partition from an offset on. */
export async function fetchEntries(link: Link, from: FetchFrom, limits: FetchLimits): Promise<Fetched> {
  const [fetched] = await fetchTogether(link, [from], limits);
  return fetched ?? { entries: [], next: from.offset };
}

/**
 * Of several partitions of one topic, in their order: one request to each broker that leads some of them,
 * which answers as soon as one of them has something. (Requests one after the other would wait for each
 * other.)
 */
export async function fetchTogether(
  link: Link,
  places: readonly FetchFrom[],
  limits: FetchLimits,
): Promise<Fetched[]> {
  const byLeader = new Map<Broker, FetchFrom[]>();
  for (const place of places) {
    const leader = await link.leader(place.name, place.partition);
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), place]);
  }
  const fetched = new Map<FetchFrom, Fetched>();
  const asked = [...byLeader].map(async ([broker, led]) => {
    const place = { name: led[0]?.name ?? '', limit: link.options.decompressedBytes };
    const options = {
      isolationLevel: READ_COMMITTED,
      maxWaitTime: limits.waitMs,
      minBytes: 1,
      maxBytes: limits.maxBytes * led.length,
      topics: led.map(({ name, partition, offset }) => ({
        topic: name,
        partitions: [{ partition, fetchOffset: offset, maxBytes: limits.maxBytes }],
      })),
    };
    const { responses } = await fetchChecked(broker, options, place);
    for (const { partitions } of responses) {
      for (const answer of partitions) {
        const from = led.find(({ partition }) => partition === answer.partition);
        if (from !== undefined) fetched.set(from, fetchedOf(from, answer));
      }
    }
  });
  await Promise.all(asked);
  return places.map((place) => fetched.get(place) ?? { entries: [], next: place.offset });
}

function fetchedOf(from: FetchFrom, answer: FetchedPartition): Fetched {
  const last = answer.messages.at(-1);
  return {
    entries: committed(answer, from.offset).map((message) => entryOf(from, message)),
    // Compaction may have left a batch whose records all lie before the offset: step over it.
    next: last === undefined ? from.offset : Math.max(Number(last.offset), from.offset) + 1,
  };
}

/** The messages that a reader of committed records sees. */
function committed({ messages, abortedTransactions }: FetchedPartition, offset: number): WireMessage[] {
  const begun = [...(abortedTransactions ?? [])].sort(
    (a, b) => Number(a.firstOffset) - Number(b.firstOffset),
  );
  const aborted = new Set<string>();
  return messages.filter((message) => {
    const at = Number(message.offset);
    const { producerId, inTransaction } = message.batchContext;
    while (begun.length > 0 && Number(begun[0]?.firstOffset) <= at)
      aborted.add(begun.shift()?.producerId as string);
    if (message.isControlRecord) {
      // The mark, of either kind, ends the producer's transaction.
      aborted.delete(producerId);
      return false;
    }
    return at >= offset && !(inTransaction && aborted.has(producerId));
  });
}

function entryOf({ topic, partition }: FetchFrom, message: WireMessage): LogEntry {
  const { offset, timestamp, key, value, headers = {} } = message;
  const named = Object.entries(headers);
  return {
    topic,
    partition,
    offset: Number(offset),
    time: Number(timestamp),
    key: key?.toString('utf8') ?? '',
    value: value ?? EMPTY,
    ...(named.length > 0 ? { headers: named.flatMap(headersOf) } : {}),
  };
}

/** Several of one name come as a list. */
function headersOf([name, of]: [string, Buffer | null | readonly (Buffer | null)[]]): Header[] {
  const values = Array.isArray(of) ? of : [of as Buffer | null];
  return values.map((value: Buffer | null) => ({ name, value: value ?? EMPTY }));
}

const EMPTY = new Uint8Array();

/**
 * What to look up: an end of the partition, or the first record appended at or after a time (milliseconds).
 */
export type OffsetQuery = 'start' | 'end' | { readonly time: number };

/** Kafka's numbers for the ends. */
const SPECIAL = { start: -2, end: -1 } as const;

/**
 * Offsets of some partitions of a topic; -1 where no record is as late as the time. The end is after
 * everything that was written, open transactions included: a commit returns before its marks are written, so
 * that a reader who goes as far as what is committed now could miss what was just committed.
 */
export async function listOffsets(
  link: Link,
  name: string,
  partitions: readonly number[],
  query: OffsetQuery,
): Promise<Map<number, number>> {
  const timestamp = typeof query === 'string' ? SPECIAL[query] : Math.ceil(query.time);
  const cluster = await link.cluster(name);
  const byLeader = new Map<number, number[]>();
  const known = new Set(cluster.findTopicPartitionMetadata(name).map(({ partitionId }) => partitionId));
  // Partitions may have been added since these connections were made.
  if (partitions.some((partition) => !known.has(partition))) await cluster.refreshMetadata();
  for (const { partitionId, leader } of cluster.findTopicPartitionMetadata(name)) {
    if (partitions.includes(partitionId))
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), partitionId]);
  }
  const found = new Map<number, number>();
  await Promise.all(
    [...byLeader].map(async ([leader, led]) => {
      const broker = await cluster.findBroker({ nodeId: leader });
      const { responses } = await broker.listOffsets({
        isolationLevel: query === 'end' ? READ_UNCOMMITTED : READ_COMMITTED,
        topics: [{ topic: name, partitions: led.map((partition) => ({ partition, timestamp })) }],
      });
      for (const { partition, offset } of responses.flatMap((response) => response.partitions)) {
        found.set(partition, Number(offset));
      }
    }),
  );
  return found;
}
