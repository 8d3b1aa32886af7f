/** The resolved topology: every default written out, kept with the run it belongs to. */
import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ConfigError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import type { Topology } from './topology.ts';

/** The file's name in a run's folder. */
export const RESOLVED_FILE = 'topology.resolved.yaml';

/** The folder of a run: log, checkpoints and the resolved topology. */
export function runFolder(topology: Topology, run: string = topology.run): string {
  return join(topology.folder, run);
}

/** The resolved topology as YAML that `loadTopology` reads back to the same value. */
function resolvedText(topology: Topology): string {
  return `# Swirl wrote this: the topology of the run ${topology.run} with every default filled in.\n${stringify(written(topology))}`;
}

/** A topology as it is written: what is added stands beside what is Swirl's. */
function written({ ownTopics, ownStages, ...topology }: Topology): object {
  return {
    ...topology,
    stages: { ...topology.stages, ...ownStages },
    topics: { ...topology.topics, ...ownTopics },
  };
}

/** Makes the folder of a run where it is missing. Throws `ConfigError` where that cannot be. */
export function makeRunFolder(topology: Topology): string {
  const folder = runFolder(topology);
  writing(folder, () => makeFolder(folder));
  return folder;
}

/** Saves `topology.resolved.yaml` in the run's folder, written aside and renamed. Returns its path. */
export function writeResolved(topology: Topology): string {
  const path = join(makeRunFolder(topology), RESOLVED_FILE);
  // Workers in containers share this folder, and are all of them process 1.
  const aside = `${path}.${randomUUID()}.tmp`;
  writing(path, () => {
    writeFileSync(aside, resolvedText(topology));
    renameSync(aside, path);
  });
  return path;
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new ConfigError(
      `${path}: cannot be written: ${(error as Error).message}; expected a folder that this user may write (key \`folder\`)`,
      { cause: error },
    );
  }
}
