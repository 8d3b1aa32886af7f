/** The runs of a folder, with a few figures of each: what `swirl runs` tells. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, SwirlError } from '../errors.ts';
import { openTransport } from '../open-transport.ts';
import { spendingIn } from '../spending/open-spending.ts';
import type { Spent } from '../spending/spent.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { readEntries } from '../topics/read-records.ts';
import type { Update } from '../topics/records.generated.ts';
import type { TopicInfo, Transport } from '../topics/transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import { keptTopology, runsIn } from '../topology/kept.ts';
import { parentOf } from '../topology/parent.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';

/** Runs that are looked at at once: a cluster that is away is waited for. */
const AT_ONCE = 4;

export interface RunFigures {
  readonly name: string;
  /** What it replays, or begins again from; null where it stands for itself. */
  readonly source: { readonly run: string; readonly topic: string } | null;
  readonly transport: Topology['transport']['kind'];
  /** When the last record of the topic furthest down the flow was appended, in milliseconds since 1970. */
  readonly lastRecord: number | null;
  /** By topic, of those that have some. On Kafka the marks of transactions are counted too. */
  readonly records: Readonly<Record<string, number>>;
  /** Its last update. */
  readonly update: Pick<Update, 'step' | 'weightsHash' | 'meanReward'> | null;
  /** What it has spent on endpoints; null where it has asked none. */
  readonly spent:
    | (Pick<Spent, 'requests' | 'kept' | 'usage' | 'money'> & { readonly currency: string })
    | null;
  /** Of its folder, which on Kafka has no records. */
  readonly bytes: number;
}

/** A run that cannot be read, with what is wrong. */
export interface BrokenRun {
  readonly name: string;
  readonly bytes: number;
  readonly error: string;
}

/** All runs of a folder, by name. A run that cannot be read does not keep the others from being told. */
export async function listRuns(folder: string): Promise<(RunFigures | BrokenRun)[]> {
  const names = runsIn(folder);
  const found: (RunFigures | BrokenRun)[] = [];
  const waiting = [...names.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      found[next[0]] = await figuresOf(folder, next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found;
}

/** Bytes that the files under a folder take on the disk. */
async function bytesUnder(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    // A file may go while its folder is listed.
    const found = await lstat(join(entry.parentPath, entry.name)).catch(() => null);
    // LMDB's files have holes.
    bytes += found === null ? 0 : Math.min(found.size, 512 * (found.blocks || Number.POSITIVE_INFINITY));
  }
  return bytes;
}

async function figuresOf(folder: string, name: string): Promise<RunFigures | BrokenRun> {
  const bytes = await bytesUnder(join(folder, name));
  try {
    return { name, bytes, ...(await read(keptTopology(folder, name))) };
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    return { name, bytes, error: error.message };
  }
}

async function read(topology: Topology): Promise<Omit<RunFigures, 'name' | 'bytes'>> {
  const transport = await openTransport(topology, { access: 'read', notify: () => {} });
  try {
    const codec = await codecOf(topology, 'read');
    const infos = await transport.topics();
    const counted = infos.map((info) => [info.name, countOf(info)] as const);
    const records = Object.fromEntries(counted.filter(([, count]) => count > 0));
    const updates = infos.find(({ name }) => name === 'updates');
    const last = updates === undefined ? null : await lastRecord({ transport, codec }, updates);
    return {
      source: parentOf(topology),
      transport: topology.transport.kind,
      lastRecord: last?.time ?? (await lastTime({ transport, codec }, infos)),
      records,
      update: last === null ? null : updateOf(last.record),
      spent: spentBy(topology),
    };
  } finally {
    await transport.close();
  }
}

function spentBy(topology: Topology): RunFigures['spent'] {
  const { total, by, currency } = spendingIn(runFolder(topology), topology.prices);
  const { requests, kept, usage, money } = total;
  return by.length === 0 ? null : { requests, kept, usage, money, currency };
}

function updateOf(record: unknown): RunFigures['update'] {
  const { step, weightsHash, meanReward } = record as Update;
  return { step, weightsHash, meanReward };
}

function countOf({ offsets }: TopicInfo): number {
  return offsets.reduce((sum, { start, end }) => sum + end - start, 0);
}

type Source = { readonly transport: Transport; readonly codec: Codec };

/** Down the flow the last topic with records has the newest. */
async function lastTime(source: Source, infos: readonly TopicInfo[]): Promise<number | null> {
  const order = ['scored', 'accepted', 'judged', 'sub-trajectories', 'trajectories', 'turns', 'questions'];
  for (const topic of order) {
    const info = infos.find(({ name }) => name === topic);
    const last = info === undefined ? null : await lastRecord(source, info);
    if (last !== null) return last.time;
  }
  return null;
}

/** The newest record of a topic that can be read. */
async function lastRecord(source: Source, { name, offsets }: TopicInfo) {
  let last: { readonly time: number; readonly record: unknown } | null = null;
  for (const [partition, { start, end }] of offsets.entries()) {
    // On Kafka the last offsets may be a transaction's marks: look further back until there is a record.
    for (let back = 8, found = false; !found && end > start; back *= 8) {
      const offset = Math.max(start, end - back);
      for await (const { time, record } of readEntries(source, name, { from: { offset }, partition })) {
        if (record instanceof DataError) continue;
        found = true;
        if (last === null || time >= last.time) last = { time, record };
      }
      if (offset === start) break;
    }
  }
  return last;
}
