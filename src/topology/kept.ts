/** The topologies that runs keep in their folders. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { examineFile, loadTopology } from './load.ts';
import { runFolder } from './resolved.ts';
import { RESOLVED_FILE } from './run-files.ts';
import type { Topology } from './topology.ts';

/** At most so many runs of a folder are listed. */
const MOST_RUNS = 1000;

/** The runs of a folder, by name: those that left their topology there. */
export function runsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, RESOLVED_FILE)))
    .map(({ name }) => name)
    .sort(new Intl.Collator('en', { numeric: true }).compare)
    .slice(0, MOST_RUNS);
}

/** What a run was begun with; null where it has not begun, or what it left cannot be read any more. */
export function begunWith(topology: Topology): Topology | null {
  const file = join(runFolder(topology), RESOLVED_FILE);
  return existsSync(file) ? examineFile(file).topology : null;
}

/** The topology that a run of a folder left there. Throws as `loadTopology` does. */
export function keptTopology(folder: string, run: string): Topology {
  const { topology } = loadTopology(join(folder, run, RESOLVED_FILE), { set: [`run=${run}`] });
  // A folder that was moved or copied is where it is now.
  return { ...topology, folder };
}
