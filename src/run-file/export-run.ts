/** Writes a run into an archive: its folder's files, every record of its topics, and its stages' progress. */
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { ConfigError } from '../errors.ts';
import { openTransport } from '../open-transport.ts';
import type { TopicInfo, Transport } from '../topics/transport.ts';
import { flowStages } from '../topology/flow.ts';
import { runFolder, runIdentity } from '../topology/resolved.ts';
import { RESOLVED_FILE } from '../topology/run-files.ts';
import { recordedTopology } from '../topology/run-place.ts';
import type { Topology } from '../topology/topology.ts';
import { entriesName, FILES, type ManifestTopic } from './archive-form.ts';
import { type Entry, entriesFile } from './entries-file.ts';
import { ArchiveWriter, type ManifestBody, writeAside } from './write-archive.ts';

/** About how many bytes of records one member holds, and are in memory at once. */
const PART_BYTES = 2 ** 23;
const PART_ENTRIES = 100_000;

export interface ExportOptions {
  /** Where the runs live. */
  readonly folder: string;
  readonly run: string;
  readonly file: string;
  readonly signal: AbortSignal;
  readonly notify: (message: string) => void;
  readonly onProgress?: (records: number) => void;
}

export interface Exported {
  readonly records: number;
  /** Of the run's folder. */
  readonly files: number;
  /** Of the archive. */
  readonly bytes: number;
}

/**
 * Exports a run. A `ConfigError` where a worker has it open, or the file is there; a `TransportError` where its
 * topics cannot be read.
 */
export async function exportRun({ folder, run, file, ...options }: ExportOptions): Promise<Exported> {
  const topology = recordedTopology(folder, run);
  const transport = await openTransport(topology, { access: 'read', notify: options.notify });
  try {
    await checkClosed(topology, transport);
    return await writeAside(file, async (handle) => {
      const archive = new ArchiveWriter(handle);
      const files = await addFiles(archive, runFolder(topology), options.signal);
      // Before the records: whatever is fed meanwhile has not been consumed.
      const progress = await progressOf(topology, transport);
      const topics = await addTopics(archive, transport, options);
      const body = {
        run,
        identity: runIdentity(topology),
        transport: topology.transport.kind,
        topics,
        progress,
      };
      const bytes = await archive.finish(body);
      const records = topics.flatMap((topic) => topic.partitions).reduce((sum, one) => sum + one.records, 0);
      return { records, files, bytes };
    });
  } finally {
    await transport.close();
  }
}

/** What a worker commits in between would be half in the archive. */
async function checkClosed({ run }: Topology, transport: Transport): Promise<void> {
  const workers = await transport.workers();
  if (workers.length === 0) return;
  throw new ConfigError(
    `the run ${run} is open: ${workers.slice(0, 3).join(', ')} works on it. Stop it, or wait for its end, and export then`,
  );
}

/** All files of the run's folder but the log, whose records are exported, and what a writer left unfinished. */
async function addFiles(archive: ArchiveWriter, folder: string, signal: AbortSignal): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep))
    .filter(
      (parts) => parts[0] !== 'log' && !parts.some((part) => part.startsWith('.') || /\.tmp$/.test(part)),
    )
    .map((parts) => parts.join('/'))
    .sort((a, b) => (a === RESOLVED_FILE ? -1 : b === RESOLVED_FILE ? 1 : a < b ? -1 : 1));
  for (const path of paths) {
    signal.throwIfAborted();
    await archive.file(`${FILES}${path}`, join(folder, path));
  }
  return paths.length;
}

async function progressOf(topology: Topology, transport: Transport): Promise<ManifestBody['progress']> {
  const progress: ManifestBody['progress'] = [];
  const { source } = topology;
  const topics = new Set((await transport.topics()).map(({ name }) => name));
  for (const { name: group, reads: topic } of flowStages(topology)) {
    const run = source?.topic === topic ? source.run : null;
    if (run === null && !topics.has(topic)) continue;
    const offsets = await transport.committed(group, topic, ...(run === null ? [] : [run]));
    if (offsets.some((offset) => offset > 0)) progress.push({ group, topic, run, offsets });
  }
  return progress;
}

type Reading = Pick<ExportOptions, 'signal' | 'onProgress'>;

async function addTopics(
  archive: ArchiveWriter,
  transport: Transport,
  options: Reading,
): Promise<ManifestTopic[]> {
  const topics: ManifestTopic[] = [];
  let before = 0;
  for (const info of await transport.topics()) {
    const partitions: ManifestTopic['partitions'] = [];
    for (const [partition, { start, end }] of info.offsets.entries()) {
      const records = await addPartition(archive, transport, info, {
        ...{ partition, start, end, signal: options.signal },
        onProgress: (count) => options.onProgress?.(before + count),
      });
      before += records;
      partitions.push({ start, end, records });
    }
    topics.push({ name: info.name, partitions });
  }
  return topics;
}

interface PartitionOf extends Reading {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

/** Returns how many records there are. */
async function addPartition(
  archive: ArchiveWriter,
  transport: Transport,
  { name }: TopicInfo,
  { partition, start, end, signal, onProgress }: PartitionOf,
): Promise<number> {
  let part: Entry[] = [];
  let [bytes, records] = [0, 0];
  const flush = async () => {
    const [first] = part;
    if (first === undefined) return;
    await archive.bytes(entriesName(name, partition, first.offset), await entriesFile(part));
    records += part.length;
    onProgress?.(records);
    part = [];
    bytes = 0;
  };
  if (start === end) return 0;
  for await (const entry of transport.read(name, { partition, signal })) {
    if (entry.offset >= end) break;
    part.push(entry);
    bytes += entry.value.length + entry.key.length;
    if (bytes >= PART_BYTES || part.length >= PART_ENTRIES) await flush();
  }
  // An aborted read ends as a complete one does.
  signal.throwIfAborted();
  await flush();
  return records;
}
