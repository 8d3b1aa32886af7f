/** Deletes a run: its topics wherever they live, its progress, and its folder. */
import { join, relative, resolve, sep } from 'node:path';
import { SwirlError } from '../errors.ts';
import { openTransport, removeTopics } from '../open-transport.ts';
import { keptTopology, runsIn } from '../topology/kept.ts';
import { parentOf } from '../topology/parent.ts';
import { pathsIn } from '../topology/paths.ts';
import type { Topology } from '../topology/topology.ts';
import { deleteFolder } from './delete-folder.ts';

/** Runs that a refusal names; all are counted. */
const MOST_NAMED = 5;

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
  const others = runsIn(folder).filter((name) => name !== run);
  const used = others.map((name) => ({ name, ...usedBy(folder, name) }));
  const readers = used.filter(({ runs }) => runs.includes(run)).map(({ name }) => name);
  if (readers.length > 0) why.push(`${named(readers)} ${readers.length === 1 ? 'replays' : 'replay'} it`);
  const inside = join(resolve(folder, run), sep);
  const users = used.filter(({ files }) => files.some((file) => file.startsWith(inside)));
  if (users.length > 0) {
    const [path = ''] = users.flatMap(({ files }) => files.filter((file) => file.startsWith(inside)));
    const [which, have] = [named(users.map(({ name }) => name)), users.length === 1 ? 'has' : 'have'];
    why.push(`${which} ${have} a policy or another file in it (${relative(resolve(folder), path)})`);
  }
  return why;
}

/** The first of them, and how many more there are. */
function named(runs: readonly string[]): string {
  const more = runs.length - MOST_NAMED;
  return `${runs.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
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

/** Deletes it. Ended in between it is there still, or not listed any more. Throws as `deleteFolder` does. */
export async function deleteRun({ folder, run }: DeleteRun): Promise<void> {
  await removeTopics(keptTopology(folder, run), { notify: () => {} });
  await deleteFolder(join(folder, run));
}

interface Used {
  /** What it goes on from, and whose verdicts it keeps. */
  readonly runs: readonly string[];
  /** Where its policy, and whatever else it names, lie. */
  readonly files: readonly string[];
}

/** What a run needs of others. */
function usedBy(folder: string, run: string): Used {
  try {
    const topology = keptTopology(folder, run);
    const runs = [parentOf(topology)?.run, topology.source?.verdicts?.run].filter(
      (name) => name !== undefined,
    );
    return { runs, files: pathsIn(topology).map(({ text }) => text) };
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    return { runs: [], files: [] };
  }
}
