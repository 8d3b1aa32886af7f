/** How a run is named in the commands that are printed. */
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { pathHere } from './own-name.ts';

/** The run's folder from here, which names it wherever it lives. */
export function folderHere(topology: Topology): string {
  return pathHere(runFolder(topology));
}

/** The words that name the run to every command about one. */
export function ofRun(topology: Topology): ['-t', string] {
  return ['-t', folderHere(topology)];
}
