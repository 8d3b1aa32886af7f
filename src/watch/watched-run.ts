/** A run that is looked at: its topology as it was kept with it, and its topics, read and never changed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.ts';
import { openTransport } from '../open-transport.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { decodeOrError } from '../topics/read-records.ts';
import type { RecordOf } from '../topics/record-of.ts';
import type { LogEntry, TopicInfo, Transport } from '../topics/transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import { keptTopology } from '../topology/kept.ts';
import { RESOLVED_FILE } from '../topology/run-files.ts';
import type { Topology } from '../topology/topology.ts';

export interface WatchedRun {
  readonly topology: Topology;
  readonly transport: Transport;
  /** Of a topic as it is now; a topic that is not there has no entries. */
  topic(name: string): Promise<TopicInfo>;
  /** Up to `count` entries of a partition from an offset on. */
  entries(topic: string, place: Place & { readonly count: number }): Promise<LogEntry[]>;
  /** The record of an entry; null where its bytes make none. */
  record<K extends string>(topic: K, entry: LogEntry): Promise<RecordOf<K> | null>;
  close(): Promise<void>;
}

/** Where in a topic. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Opens a run of a folder by what it left there. Throws a `ConfigError` or `TransportError` where that cannot
 * be read.
 */
export async function openWatchedRun(
  topology: Topology,
  notify: (message: string) => void,
): Promise<WatchedRun> {
  const codec = await codecOf(topology, 'read');
  const transport = await openTransport(topology, { access: 'read', notify });
  return watchedRun({ topology, transport, codec });
}

/** The topology that the run left in its folder: it knows better than a file that may have changed since. */
export function runTopologyAsKept(topology: Topology): Topology {
  const { folder, run } = topology;
  return existsSync(join(folder, run, RESOLVED_FILE)) ? keptTopology(folder, run) : topology;
}

interface Opened {
  readonly topology: Topology;
  readonly transport: Transport;
  readonly codec: Codec;
}

function watchedRun({ topology, transport, codec }: Opened): WatchedRun {
  return {
    topology,
    transport,
    topic: async (name) =>
      (await transport.topics()).find((topic) => topic.name === name) ?? { name, partitions: 0, offsets: [] },
    entries: async (topic, { partition, offset, count }) => {
      const entries: LogEntry[] = [];
      if (count < 1) return entries;
      for await (const entry of transport.read(topic, { partition, from: { offset }, limit: count })) {
        entries.push(entry);
      }
      return entries;
    },
    record: async (topic, entry) => {
      await codec.learn?.(topic, [entry.value]);
      const record = decodeOrError(codec, topic, entry.value);
      return record instanceof DataError ? null : record;
    },
    close: () => transport.close(),
  };
}
