/** Reads a run's topics as they lie in its log, from another process than the run's. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createCodec } from '../../src/topics/avro/codec.ts';
import { embeddedConfig } from '../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import type { RecordOf } from '../../src/topics/record-of.ts';
import type { LogEntry, Transport } from '../../src/topics/transport.ts';

const config = embeddedConfig.parse({});

async function withLog<T>(folder: string, run: string, use: (log: Transport) => Promise<T>): Promise<T> {
  const log = await openEmbeddedLog({ folder, run, config, access: 'read' });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

/** Looks at a run from outside, while it goes on or does not. */
export interface Watch {
  /** How many records there are in all topics. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The run need not be there yet. */
export async function watch(folder: string, run: string): Promise<Watch> {
  let log: Transport | null = null;
  return {
    size: async () => {
      if (log === null && !existsSync(join(folder, run, 'log', 'data.mdb'))) return 0;
      log ??= await openEmbeddedLog({ folder, run, config, access: 'read' });
      const topics = await log.topics();
      return topics.flatMap(({ offsets }) => offsets).reduce((sum, { end }) => sum + end, 0);
    },
    close: async () => log?.close(),
  };
}

/** A topic's records, decoded; bytes that make none are an error. */
export async function recordsOf<K extends string>(
  folder: string,
  run: string,
  topic: K,
): Promise<RecordOf<K>[]> {
  const codec = createCodec(config);
  const entries = await withLog(folder, run, (log) => arrayOf(log.read(topic)));
  return entries.map(({ value }) => codec.decode(topic, value));
}

/**
 * Everything that a run's topics hold but the times of the appends: place, key and bytes of every record, in order.
 * Several stages write `failures`, as it happens; each failure is there once, so they are put in order.
 */
export async function contents(folder: string, run: string): Promise<Record<string, string[]>> {
  return withLog(folder, run, async (log) => {
    const names = (await log.topics()).map(({ name }) => name);
    const topics = names.map(async (topic) => {
      const entries = await arrayOf(log.read(topic));
      return [topic, topic === 'failures' ? entries.map(what).sort() : entries.map(whereAndWhat)] as const;
    });
    return Object.fromEntries(await Promise.all(topics));
  });
}

function what({ key, value }: LogEntry): string {
  return `${key} ${Buffer.from(value).toString('base64')}`;
}

function whereAndWhat(entry: LogEntry): string {
  return `${entry.partition}:${entry.offset} ${what(entry)}`;
}
