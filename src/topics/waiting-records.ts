/** Counts what waits for stages: records of their topics that they have not committed. */
import type { Transport } from './transport.ts';

export interface Waiting {
  /** Stages with the topics that they read. */
  readonly readers: readonly { readonly name: string; readonly reads: string }[];
  /** No more are counted. */
  readonly most: number;
  readonly signal: AbortSignal;
}

/**
 * How many there are, at most `most`. By their offsets there may be more, as on Kafka the marks of transactions
 * take some: where those reach `most` the records themselves are counted, and no more of them read than that.
 */
export async function waitingRecords(
  transport: Transport,
  { readers, most, signal }: Waiting,
): Promise<number> {
  const topics = await transport.topics();
  const ranges: { topic: string; partition: number; offset: number; size: number }[] = [];
  for (const { name, reads } of readers) {
    const offsets = topics.find((topic) => topic.name === reads)?.offsets ?? [];
    const committed = await transport.committed(name, reads);
    for (const [partition, { start, end }] of offsets.entries()) {
      const offset = Math.max(start, committed[partition] ?? 0);
      if (offset < end) ranges.push({ topic: reads, partition, offset, size: end - offset });
    }
  }
  const offsets = ranges.reduce((sum, { size }) => sum + size, 0);
  if (offsets < most) return offsets;
  let found = 0;
  for (const { topic, partition, offset } of ranges) {
    const options = { partition, from: { offset }, limit: most - found, signal };
    for await (const _ of transport.read(topic, options)) if (++found >= most) return most;
  }
  return found;
}
