/** What a stage's input held before an offset: from it the state of an operator is built again. */
import { DataError } from '../errors.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { readEntries } from '../topics/read-records.ts';
import type { Transport } from '../topics/transport.ts';

export interface HistoryOptions {
  readonly transport: Pick<Transport, 'read' | 'topics'>;
  readonly codec: Codec;
  readonly topic: string;
  /** The run that the topic belongs to, where it is another one. */
  readonly run?: string | undefined;
  /** Only so many entries before the offset; null: all that there are. */
  readonly lookback: number | null;
}

export interface History {
  /** Where it begins. */
  readonly from: number;
  /** Whether what was before has gone from the topic, and would have been part of it. */
  readonly isCut: boolean;
  /** The records of a partition before the offset, in order; what makes no record was no delivery either. */
  records(): AsyncIterable<{ readonly offset: number; readonly value: object }>;
}

/** The history of a partition up to an offset. */
export async function historyOf(
  options: HistoryOptions,
  at: { readonly partition: number; readonly before: number; readonly signal: AbortSignal },
): Promise<History> {
  const { transport, topic, run, lookback } = options;
  const { partition, before } = at;
  const info = (await transport.topics(run)).find(({ name }) => name === topic);
  const start = info?.offsets[partition]?.start ?? 0;
  const all = () => entriesFrom(start, options, at);
  if (lookback === null || before - start <= lookback) {
    const isCut = start > 0 && before - start < (lookback ?? Number.POSITIVE_INFINITY);
    return { from: start, isCut, records: () => recordsOf(all()) };
  }
  // On Kafka there are marks of transactions between the records: look further back until there are enough.
  for (let back = lookback; ; back *= 2) {
    const from = Math.max(start, before - back);
    let count = 0;
    if (lookback > 0) for await (const _ of entriesFrom(from, options, at)) count++;
    if (count < lookback && from > start) continue;
    const skipped = Math.max(0, count - lookback);
    return {
      from,
      isCut: false,
      records: () => recordsOf(lookback === 0 ? none() : skip(entriesFrom(from, options, at), skipped)),
    };
  }
}

async function* entriesFrom(
  from: number,
  { transport, codec, topic, run }: HistoryOptions,
  { partition, before, signal }: { partition: number; before: number; signal: AbortSignal },
) {
  const of = run === undefined ? {} : { run };
  const options = { from: { offset: from }, partition, signal, ...of };
  if (from < before) {
    for await (const entry of readEntries({ transport: transport as Transport, codec }, topic, options)) {
      if (entry.offset >= before) return;
      yield entry;
    }
  }
  // An aborted read ends as a complete one does.
  signal.throwIfAborted();
}

type Entry = Awaited<ReturnType<ReturnType<typeof entriesFrom>['next']>>['value'] & object;

async function* recordsOf(entries: AsyncIterable<Entry>) {
  for await (const { offset, record } of entries) {
    if (!(record instanceof DataError)) yield { offset, value: record };
  }
}

async function* skip(entries: AsyncIterable<Entry>, count: number) {
  let left = count;
  for await (const entry of entries) if (left-- <= 0) yield entry;
}

async function* none(): AsyncGenerator<Entry, void, void> {}
