/** Reading a topic without a group: nothing is committed, and nobody waits for anybody. */
import { sleep, unlessAborted } from '../../clock.ts';
import { TransportError } from '../../errors.ts';
import type { LogEntry, ReadOptions } from '../transport.ts';
import { type Fetched, fetchTogether, listOffsets } from './fetch.ts';
import { isUnknownTopic, typeOf } from './kafka-errors.ts';
import type { Link } from './link.ts';

export interface ReaderOptions {
  readonly link: Link;
  /** The topic's name on the cluster. */
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly fetchBytes: number;
  readonly fetchWaitMs: number;
  /** How long the brokers may not know the topic, before it counts as deleted: they may have just started. */
  readonly unknownMs: number;
}

/** Between two questions to brokers that do not know the topic, in milliseconds. */
const AGAIN_MS = 50;

/** A partition on its way through `readEntries`. */
interface Lane {
  readonly partition: number;
  next: number;
  /** Where to stop without `follow`. */
  readonly end: number;
}

/** `Transport.read` of one topic, until its end or the signal; ends quietly when the transport is closed. */
export async function* readEntries(
  reader: ReaderOptions,
  options: Omit<ReadOptions, 'run'>,
): AsyncGenerator<LogEntry, void> {
  const { link } = reader;
  const { follow = false, limit = Number.POSITIVE_INFINITY } = options;
  let left = limit;
  const ended = AbortSignal.any([link.options.closed, ...(options.signal ? [options.signal] : [])]);
  if (options.signal?.aborted || left < 1) return;
  try {
    const lanes = await unlessAborted(openLanes(reader, options), ended);
    for (;;) {
      // While nothing comes the brokers do the waiting, at all partitions at once.
      for await (const page of follow ? together(reader, lanes, ended) : inTurn(reader, lanes, ended)) {
        if (ended.aborted) return;
        for (const entry of page) {
          if (ended.aborted) return;
          yield entry;
          if (--left < 1) return;
        }
      }
      if (!follow || ended.aborted) return;
    }
  } catch (error) {
    if (!ended.aborted) throw error;
  }
}

/** What is there up to the lanes' ends, one partition after the other. */
async function* inTurn(
  reader: ReaderOptions,
  lanes: readonly Lane[],
  ended: AbortSignal,
): AsyncGenerator<LogEntry[]> {
  for (const lane of lanes) {
    while (lane.next < lane.end) {
      const [fetched] = await unlessAborted(fetchLanes(reader, [lane]), ended);
      lane.next = fetched.next;
      yield fetched.entries.filter((entry) => entry.offset < lane.end);
    }
  }
}

/** The next entries of every partition, waited for together. */
async function* together(
  reader: ReaderOptions,
  lanes: readonly Lane[],
  ended: AbortSignal,
): AsyncGenerator<LogEntry[]> {
  for (;;) {
    const fetched = await unlessAborted(fetchLanes(reader, lanes), ended);
    for (const [i, { entries, next }] of fetched.entries()) {
      if (entries.length > 0) yield entries;
      lanes[i].next = next;
    }
  }
}

function fetchLanes(reader: ReaderOptions, lanes: readonly Lane[]): Promise<Fetched[]> {
  const { link, name, topic, fetchBytes, fetchWaitMs } = reader;
  const places = () => lanes.map(({ partition, next }) => ({ name, topic, partition, offset: next }));
  const fetching = whenKnown(reader, `reading ${name}`, async () => {
    try {
      return await fetchTogether(link, places(), { maxBytes: fetchBytes, waitMs: fetchWaitMs });
    } catch (error) {
      if (typeOf(error) !== 'OFFSET_OUT_OF_RANGE') throw error;
      // Retention has deleted what came next: a reader goes on with what is left.
      const numbers = lanes.map(({ partition }) => partition);
      const starts = await listOffsets(link, name, numbers, 'start');
      const behind = lanes.filter((lane) => lane.next < (starts.get(lane.partition) ?? 0));
      if (behind.length === 0) throw error;
      for (const lane of behind) lane.next = starts.get(lane.partition) ?? lane.next;
      return places().map(({ offset }) => ({ entries: [], next: offset }));
    }
  });
  // Nobody may come to await it.
  fetching.catch(() => {});
  return fetching;
}

/** `Link.patiently`, and for a while with brokers that do not know the topic. */
async function whenKnown<T>(reader: ReaderOptions, what: string, work: () => Promise<T>): Promise<T> {
  const { link, name, topic, unknownMs } = reader;
  const { now, closed } = link.options;
  for (const since = now(); ; ) {
    try {
      return await link.patiently(what, work);
    } catch (error) {
      if (!isUnknownTopic(error)) throw error;
      const waited = now() - since;
      if (waited > unknownMs) {
        throw new TransportError(
          `${what}: the brokers have not known the topic ${topic} (${name}) for ${Math.round(waited / 1000)} s ` +
            '(topicCheckMs of the transport): it was deleted under the run.',
          { cause: error },
        );
      }
      link.reset();
      await sleep(AGAIN_MS, closed);
    }
  }
}

async function openLanes(
  reader: ReaderOptions,
  { partition, from = 'start' }: Omit<ReadOptions, 'run'>,
): Promise<Lane[]> {
  const { link, name, topic, partitions } = reader;
  if (partition !== undefined && !(partition >= 0 && partition < partitions)) {
    throw new TransportError(
      `Topic ${topic} (${name}) has ${partitions} partitions: there is no partition ${partition}.`,
    );
  }
  const read = partition === undefined ? Array.from({ length: partitions }, (_, i) => i) : [partition];
  const look = (query: Parameters<typeof listOffsets>[3]) =>
    whenKnown(reader, `looking up offsets of ${name}`, () => listOffsets(link, name, read, query));
  const ends = await look('end');
  const starts = await look('start');
  const timed = typeof from === 'object' && 'time' in from ? await look(from) : undefined;
  const last = Math.max(...ends.values());
  if (typeof from === 'object' && 'offset' in from) {
    const { offset } = from;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > last) {
      throw new TransportError(
        `Expected an offset of topic ${topic} (${name}) from 0 to ${last}, found ${offset}.`,
      );
    }
  }
  return read.map((number) => {
    const end = ends.get(number) ?? 0;
    const start = starts.get(number) ?? 0;
    if (from === 'end') return { partition: number, next: end, end };
    if (from === 'start') return { partition: number, next: start, end };
    if ('offset' in from) {
      return { partition: number, next: Math.max(start, Math.min(from.offset, end)), end };
    }
    const at = timed?.get(number) ?? -1;
    return { partition: number, next: at < 0 ? end : at, end };
  });
}
