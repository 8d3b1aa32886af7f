/** Deletes a run: its topics wherever they live, its progress, and its folder. */
import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, SwirlError } from '../errors.ts';
import { openTransport, removeTopics } from '../open-transport.ts';
import { keptTopology, runsIn } from '../topology/kept.ts';
import { parentOf } from '../topology/parent.ts';
import type { Topology } from '../topology/topology.ts';

interface DeleteRun {
  /** Where the runs live. */
  readonly folder: string;
  readonly run: string;
}

/** Whatever may speak against it, in words: that somebody works on it, and that other runs read it. */
export async function whyKeep({ folder, run }: DeleteRun): Promise<string[]> {
  const why: string[] = [];
  const topology = keptTopology(folder, run);
  const workers = await workersOf(topology);
  if (workers.length > 0) why.push(`it is open: ${workers.slice(0, 3).join(', ')} consumes its records`);
  const readers = runsIn(folder).filter((name) => name !== run && readBy(folder, name).includes(run));
  if (readers.length > 0)
    why.push(`${readers.slice(0, 5).join(', ')} ${readers.length === 1 ? 'replays' : 'replay'} it`);
  return why;
}

/** What cannot be opened has no workers. A `TransportError` where a cluster does not answer. */
async function workersOf(topology: Topology): Promise<string[]> {
  let transport: Awaited<ReturnType<typeof openTransport>>;
  try {
    transport = await openTransport(topology, { access: 'read', notify: () => {} });
  } catch (error) {
    if (topology.transport.kind === 'embedded' && error instanceof SwirlError) return [];
    throw error;
  }
  try {
    return await transport.workers();
  } finally {
    await transport.close();
  }
}

/** Deletes it. The folder goes first from where runs are looked for: half a run is never listed. */
export async function deleteRun({ folder, run }: DeleteRun): Promise<void> {
  await removeTopics(keptTopology(folder, run), { notify: () => {} });
  const aside = join(folder, `.${run}.deleted-${randomUUID()}`);
  try {
    await rename(join(folder, run), aside);
    await rm(aside, { recursive: true, force: true });
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(`${join(folder, run)} cannot be deleted: ${message}`, { cause: error });
  }
}

/** The runs that a run reads: what it goes on from, and whose verdicts it keeps. */
function readBy(folder: string, run: string): string[] {
  try {
    const topology = keptTopology(folder, run);
    return [parentOf(topology)?.run, topology.source?.verdicts?.run].filter((name) => name !== undefined);
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    return [];
  }
}
