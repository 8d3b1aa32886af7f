/** The resolved topology: every default written out, kept with the run it belongs to. */
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument, stringify } from 'yaml';
import { ConfigError, TransportError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import { identityIn, sealed } from './resolved-seal.ts';
import { RESOLVED_FILE } from './run-files.ts';
import type { Topology } from './topology.ts';

/** The folder of a run: log, checkpoints and the resolved topology. */
export function runFolder(named: Pick<Topology, 'folder' | 'run'>, run: string = named.run): string {
  return join(named.folder, run);
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

/**
 * Saves `topology.resolved.yaml` in the run's folder, written aside and renamed, where it says something else.
 * Returns its path.
 */
export function writeResolved(topology: Topology): string {
  const folder = makeRunFolder(topology);
  const path = join(folder, RESOLVED_FILE);
  const { run } = topology;
  const body = stringify(written(topology));
  // Workers in containers share this folder, and are all of them process 1.
  const aside = `${path}.${randomUUID()}.tmp`;
  writing(path, () => {
    for (;;) {
      const before = existsSync(path) ? readFileSync(path, 'utf8') : null;
      const text = sealed({ run, identity: identityIn(before ?? '') ?? randomUUID(), body });
      if (text === before) return;
      writeFileSync(aside, text);
      if (before !== null) return renameSync(aside, path);
      try {
        // Of workers that begin a run together the first one gives it its identity.
        linkSync(aside, path);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return renameSync(aside, path);
      } finally {
        rmSync(aside, { force: true });
      }
    }
  });
  return path;
}

/**
 * Says in the file of a run that was moved where it lies now, and its topics; all else stays as it is, also
 * what an earlier version wrote.
 */
export function moveResolved(
  path: string,
  { run, folder, transport }: Pick<Topology, 'run' | 'folder' | 'transport'>,
): void {
  const text = readFileSync(path, 'utf8');
  const head = /^(#.*\n)*/.exec(text)?.[0] ?? '';
  const document = parseDocument(text.slice(head.length));
  document.set('folder', folder);
  document.set('transport', transport);
  const body = document.toString();
  const identity = identityIn(text);
  writing(path, () =>
    writeFileSync(path, identity === null ? head + body : sealed({ run, identity, body }), { flush: true }),
  );
}

/** What tells a run from others of its name; null where its folder is of an earlier version. */
export function runIdentity(topology: Topology): string | null {
  const path = join(runFolder(topology), RESOLVED_FILE);
  return existsSync(path) ? identityIn(readFileSync(path, 'utf8')) : null;
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (['ENOSPC', 'EDQUOT', 'EIO'].includes(code))
      throw new TransportError(`${path}: cannot be written: ${message}`, { cause: error });
    throw new ConfigError(
      `${path}: cannot be written: ${message}; expected a folder that this user may write (key \`folder\`)`,
      { cause: error },
    );
  }
}
