/** A run and those that it replays, opened to be read: where a record's causes may lie. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { openTransport } from '../open-transport.ts';
import type { Codec } from '../topics/avro/codec.ts';
import type { TopicInfo, Transport } from '../topics/transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import { producersOf, stagesFrom } from '../topology/flow.ts';
import { parentOf } from '../topology/parent.ts';
import { RESOLVED_FILE } from '../topology/run-files.ts';
import { recordedTopology } from '../topology/run-place.ts';
import type { Topology } from '../topology/topology.ts';

/** Replays of replays that are followed. */
const MOST_RUNS = 16;

export interface ChainRun {
  readonly topology: Topology;
  readonly transport: Transport;
  readonly codec: Codec;
  /** Its topics as they were when it was opened. */
  readonly topics: readonly TopicInfo[];
}

export interface RunChain {
  /** The run itself first, then the one whose topic it reads, and so on. */
  readonly runs: readonly ChainRun[];
  close(): Promise<void>;
}

/**
 * Opens them, read-only. Throws a `ConfigError` where a run that is replayed has gone, and a `TransportError`
 * where topics cannot be read.
 */
export async function openChain(
  first: Topology,
  { notify }: { readonly notify: (message: string) => void },
): Promise<RunChain> {
  const runs: ChainRun[] = [];
  const close = async () => {
    for (const { transport } of runs) await transport.close();
  };
  try {
    for (let next: Topology | null = first; next !== null; next = before(next)) {
      if (runs.length === MOST_RUNS)
        throw new ConfigError(`expected at most ${MOST_RUNS} replays of replays`);
      runs.push(await open(next, notify));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { runs, close };
}

/** Opens a run of a folder by the topology that it left there. */
export function openRecorded(
  { folder, run }: { readonly folder: string; readonly run: string },
  { notify }: { readonly notify: (message: string) => void },
): Promise<ChainRun> {
  return open(recordedTopology(folder, run), notify);
}

/** Opens it and those that it replays. */
export async function openRecordedChain(
  { folder, run }: { readonly folder: string; readonly run: string },
  options: { readonly notify: (message: string) => void },
): Promise<RunChain> {
  return openChain(recordedTopology(folder, run), options);
}

async function open(topology: Topology, notify: (message: string) => void): Promise<ChainRun> {
  const codec = await codecOf(topology, 'read');
  const transport = await openTransport(topology, { access: 'read', notify });
  try {
    return { topology, transport, codec, topics: await transport.topics() };
  } catch (error) {
    await transport.close();
    throw error;
  }
}

/** The run that it goes on from; null where there is none. */
function before(topology: Topology): Topology | null {
  const parent = parentOf(topology);
  if (parent === null) return null;
  const { folder, run } = topology;
  const file = join(folder, parent.run, RESOLVED_FILE);
  if (!existsSync(file)) {
    throw new ConfigError(
      `the run ${run} goes on from ${parent.run}, and ${file} is not there: bring that run back`,
    );
  }
  return recordedTopology(folder, parent.run);
}

/**
 * The run of a chain whose records of a topic count: the first whose stages write it, or the one that all came
 * from, which may have been fed it. It may have none: a replay whose filter let nothing pass. Null where a
 * replay or a run of branches was begun without the stage: what the other run made there is not of its records.
 */
export function writerOf({ runs }: RunChain, topic: string): ChainRun | null {
  const writes = (run: ChainRun) =>
    producersOf(run.topology, topic).length > 0 ||
    parentOf(run.topology) === null ||
    // Any stage may write failures.
    (topic === 'failures' && hasRecords(run, topic));
  for (const [n, run] of runs.entries()) {
    if (writes(run)) return run;
    if (isBelow(topic, { from: parentOf(run.topology)?.topic, of: runs[n + 1]?.topology })) return null;
  }
  return null;
}

/** Whether a topic is made of another one, in a run. */
function isBelow(
  topic: string,
  { from, of }: { from: string | undefined; of: Topology | undefined },
): boolean {
  if (from === undefined || of === undefined) return false;
  const stages = stagesFrom(from, of);
  return producersOf(of, topic).some((name) => stages.includes(name));
}

/** The same, where it has records in it; null otherwise. */
export function holderOf(chain: RunChain, topic: string): ChainRun | null {
  const writer = writerOf(chain, topic);
  return writer !== null && hasRecords(writer, topic) ? writer : null;
}

function hasRecords({ topics }: ChainRun, topic: string): boolean {
  return topics.some(({ name, offsets }) => name === topic && offsets.some(({ start, end }) => end > start));
}
