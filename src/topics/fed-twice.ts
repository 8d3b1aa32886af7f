/**
 * Records of another run's topic that stand there twice, since `swirl retry` fed them again. Its replay reads
 * each once: a step that came a second time would wait for the rest of its trajectory for ever.
 */
import { DataError } from '../errors.ts';
import type { Codec } from './avro/codec.ts';
import { readEntries, readRecords } from './read-records.ts';
import type { LogEntry, Transport } from './transport.ts';

export interface FedTwice {
  /** The other run and its topic. */
  readonly run: string;
  readonly topic: string;
  /** What the replay does not read anyway. */
  readonly isOut: (entry: LogEntry) => boolean;
}

/** An entry's place in its topic, as one text. */
export function placeOf({ partition, offset }: Pick<LogEntry, 'partition' | 'offset'>): string {
  return `${partition}:${offset}`;
}

/**
 * The places of those that are not read. The first is read: it stands beside the others of its trajectory, and
 * training used it. Of `judged` it is the newest, which has the verdict that counts. Only what failed is fed
 * again, so only that is held in memory.
 */
export async function fedTwice(
  topics: { readonly transport: Transport; readonly codec: Codec },
  { run, topic, isOut }: FedTwice,
): Promise<ReadonlySet<string>> {
  const hidden = new Set<string>();
  const there = (await topics.transport.topics(run)).map(({ name }) => name);
  if (!there.includes('failures') || !there.includes(topic)) return hidden;
  const keys = new Set<string>();
  for await (const { record } of readRecords(topics, 'failures', { run }))
    if (record !== null) keys.add(record.split('/').slice(0, 2).join('/'));
  if (keys.size === 0) return hidden;
  const read = new Map<string, string>();
  for await (const entry of readEntries(topics, topic, { run })) {
    const { key, record } = entry;
    if (!keys.has(key) || record instanceof DataError || isOut(entry)) continue;
    const { id } = record as { readonly id?: unknown };
    if (typeof id !== 'string') continue;
    const [before, here] = [read.get(id), placeOf(entry)];
    if (before === undefined) read.set(id, here);
    else if (topic !== 'judged') hidden.add(here);
    else {
      hidden.add(before);
      read.set(id, here);
    }
  }
  return hidden;
}
