/** What the train stage asks of the topics, from a transport. */
import { DataError } from '../errors.ts';
import type { Delivery } from '../runtime/stage.ts';
import type { Codec } from '../topics/avro/codec.ts';
import type { Scored } from '../topics/records.generated.ts';
import type { Transport } from '../topics/transport.ts';
import type { DurableTrainingDeps } from './durable-training.ts';

export interface TrainTopicsOptions {
  readonly transport: Transport;
  readonly codec: Codec;
  /** The stage's name, which is its consumer group. */
  readonly stage: string;
  /** Its input topic, and the run that this belongs to where it is another one. */
  readonly topic: string;
  readonly run?: string | undefined;
}

/** What training must know of its topics. */
export type TrainTopics = Pick<DurableTrainingDeps, 'published' | 'reread'>;

export function trainTopics(options: TrainTopicsOptions): TrainTopics {
  const { transport, stage, topic, run } = options;
  return {
    published: async (signal) => ({
      offset: (await transport.committed(stage, topic, run))[0] ?? 0,
      step: await lastStep({ ...options, signal }),
    }),
    reread: (range, signal) => reread(options, range, signal),
  };
}

async function* reread(
  { transport, codec, topic, run }: TrainTopicsOptions,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): AsyncIterable<Delivery<Scored>> {
  const of = run === undefined ? {} : { run };
  for await (const entry of transport.read(topic, { from: { offset: from }, partition: 0, signal, ...of })) {
    if (entry.offset >= to) return;
    await codec.learn?.('scored', [entry.value], signal);
    const value = decoded(() => codec.decode('scored', entry.value));
    if (value !== null) yield { value, topic, partition: entry.partition, offset: entry.offset, signal };
  }
  // An aborted read ends as a complete one does.
  signal.throwIfAborted();
}

/** The largest step in `updates`, which is in the last record: steps are told in order. */
export async function lastStep({
  transport,
  codec,
  signal,
}: Pick<TrainTopicsOptions, 'transport' | 'codec'> & { readonly signal: AbortSignal }): Promise<number> {
  const info = (await transport.topics()).find(({ name }) => name === 'updates');
  let last = 0;
  for (const [partition, { start, end }] of (info?.offsets ?? []).entries()) {
    // On Kafka the last offsets may be a transaction's marks: look further back until there is a record.
    for (let back = 8, found = false; !found && end > start; back *= 8) {
      const offset = Math.max(start, end - back);
      for await (const { value } of transport.read('updates', { from: { offset }, partition, signal })) {
        await codec.learn?.('updates', [value], signal);
        const update = decoded(() => codec.decode('updates', value));
        found ||= update !== null;
        last = Math.max(last, update?.step ?? 0);
      }
      if (offset === start) break;
    }
  }
  return last;
}

/** Null for bytes that make no record: they became a failure when they were delivered. */
function decoded<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}
