/**
 * Deletes folders of runs: each is renamed first, so that half of one is never taken for a run. What a process
 * leaves that is ended in between is known by its name.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TransportError } from '../errors.ts';

const DELETED = /^\.(.+)\.deleted-[0-9a-f-]{36}$/;

/** Throws a `TransportError` where the disk or its rights refuse, which says what is left. */
export async function deleteFolder(path: string): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.deleted-${randomUUID()}`);
  try {
    await rename(path, aside);
  } catch (error) {
    throw refused(`${path} cannot be deleted`, error);
  }
  try {
    await rm(aside, { recursive: true, force: true });
  } catch (error) {
    throw refused(`${path} is deleted, but ${aside} is left of it`, error);
  }
}

/** Deletes what others have not deleted to the end; what the disk still refuses stays. Returns what they were called. */
export async function finishDeleting(folder: string): Promise<string[]> {
  const finished: string[] = [];
  for (const entry of await readdir(folder).catch(() => [])) {
    const [, name] = DELETED.exec(entry) ?? [];
    if (name === undefined) continue;
    const gone = rm(join(folder, entry), { recursive: true, force: true });
    const isGone = await gone.then(
      () => true,
      () => false,
    );
    if (isGone) finished.push(name);
  }
  return finished;
}

function refused(what: string, error: unknown): TransportError {
  return new TransportError(`${what}: ${(error as Error).message}`, { cause: error });
}
