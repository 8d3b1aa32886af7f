/** Looks at a checkpoint without its form: whether its files are what was written, and whose it is. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFile, type Owner, readManifest } from '../checkpoint/manifest.ts';
import { DataError } from '../errors.ts';
import { parseState, stateFile } from './state-file.ts';

/**
 * Throws a `DataError` that says what is wrong. `isSealed`: false where an earlier version wrote it, which
 * kept hashes of its tensors alone.
 */
export async function examineCheckpoint(
  path: string,
  step: number,
  owner: Owner,
): Promise<{ readonly isSealed: boolean }> {
  const text = await readFile(join(path, stateFile), 'utf8').catch((error: Error) => {
    throw new DataError(`${stateFile} cannot be read: ${error.message}`, { cause: error });
  });
  const found = parseState(text, step);
  if (typeof found === 'string') throw new DataError(found);
  const manifest = await readManifest(path, { check: 'files' });
  if (found.manifest !== null && found.manifest !== manifest?.sha256)
    throw new DataError(`${manifestFile} is not the one that ${stateFile} was written with`);
  const other = manifest === null ? null : otherOwner(manifest, owner);
  if (other !== null) throw new DataError(`it is a checkpoint of ${other}`);
  return { isSealed: found.manifest !== null };
}

/** Whose it is, in words, where it is not the owner's. */
export function otherOwner(found: Owner, { run, identity }: Owner): string | null {
  if (found.run !== run) return `the run ${found.run}`;
  const isOther = found.identity !== null && identity !== null && found.identity !== identity;
  return isOther ? `another run of the name ${run}` : null;
}
