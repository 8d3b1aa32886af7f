/**
 * What is made of a corpus once and kept beside it, in `corpus.jsonl.index/`: a folder for each content and settings,
 * named by their hash. So a stale one is never taken for another, and one that is in use is not overwritten. One
 * process at a time makes it, goes on with what an ended one left, and the others wait.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../clock.ts';
import { ConfigError, DataError } from '../../errors.ts';
import { makeFolder } from '../../make-folder.ts';
import { damaged } from './block-sums.ts';
import { type BuildingLock, takeLock } from './building-lock.ts';
import type { Corpus } from './corpus-identity.ts';
import { FILES } from './index-files.ts';
import { writeAside } from './write-aside.ts';

export interface OfCorpus {
  readonly corpus: Corpus;
}

/** How one kind of it is made and known. */
export interface Kept<Manifest extends OfCorpus> {
  /** The corpus: a file. */
  readonly path: string;
  readonly signal: AbortSignal;
  /** Hears who else makes it, once. */
  readonly onWait: (owner: string) => void;
  /** Says what the settings are: two that say the same are one. */
  readonly settings: string;
  /** Name of the folder in which it is made. */
  readonly building: string;
  /** What stands before the hash in its folder's name. */
  readonly prefix: string;
  /** Whether a folder whose manifest is not understood is made again, or told as damaged, as it cost money. */
  readonly isCheap: boolean;
  /** The manifest of a folder; null where there is none with these settings. */
  read(folder: string): Manifest | null;
  /** Makes it in a folder that is there, with what an ended process left; calls `touch` as it goes on. */
  make(folder: string, corpus: Corpus, touch: () => void): Promise<Manifest>;
}

export interface Found<Manifest> {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** How often a process that waits for another one looks again, in milliseconds. */
const LOOK_MS = 300;

/**
 * Finds it, or makes it. Throws as `make` does, `DataError` where the corpus is no file, and `ConfigError` where
 * nothing can be written beside it.
 */
export async function findOrMake<M extends OfCorpus>(kept: Kept<M>): Promise<Found<M>> {
  return (await findKept(kept)) ?? (await makeKept(kept));
}

/** The folder of all that is kept beside a corpus. */
export function besideCorpus(path: string): string {
  return `${path}.index`;
}

/** By the file's size and time; where these are others, by its content. Null where there is none. */
export async function findKept<M extends OfCorpus>(kept: Kept<M>): Promise<Found<M> | null> {
  const { path, signal } = kept;
  const { size, mtimeMs } = fileOf(path);
  const there = allKept(kept);
  const same = there.find(
    ({ manifest: { corpus } }) => corpus.bytes === size && corpus.modifiedMs === mtimeMs,
  );
  if (same !== undefined) return same;
  const alike = there.filter(({ manifest }) => manifest.corpus.bytes === size);
  if (alike.length === 0) return null;
  const sha256 = await hashOf(path, signal);
  const found = alike.find(({ manifest }) => manifest.corpus.sha256 === sha256);
  if (found === undefined) return null;
  const manifest = { ...found.manifest, corpus: { ...found.manifest.corpus, modifiedMs: mtimeMs } };
  try {
    writeAside(join(found.folder, FILES.manifest), manifest);
  } catch {
    // Nothing can be written there: the content is looked at again the next time.
  }
  return { ...found, manifest };
}

/** Throws `DataError` where the corpus is another than when its making began. */
export function checkUnchanged(path: string, corpus: Corpus): void {
  const { size, mtimeMs } = fileOf(path);
  if (size === corpus.bytes && mtimeMs === corpus.modifiedMs) return;
  throw new DataError(
    `${path} was changed while it was indexed: let it be written to its end, and start again`,
  );
}

/** What cannot be removed, as what others have open on Windows, stays. */
export function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // It costs space, and is in nobody's way.
  }
}

function allKept<M extends OfCorpus>(kept: Kept<M>): Found<M>[] {
  const parent = besideCorpus(kept.path);
  let names: string[];
  try {
    names = readdirSync(parent);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const folder = join(parent, name);
    const manifest = name.startsWith('building-') ? null : kept.read(folder);
    return manifest === null ? [] : [{ folder, manifest }];
  });
}

async function makeKept<M extends OfCorpus>(kept: Kept<M>): Promise<Found<M>> {
  const building = join(besideCorpus(kept.path), kept.building);
  let waitsFor: string | null = null;
  for (;;) {
    const lock = lockOf(building, kept.path);
    if (typeof lock !== 'string') {
      try {
        // Whoever had it before may have come to the end.
        const found = await findKept(kept);
        if (found === null) return await makeLocked(kept, building, lock);
        removeFolder(building);
        return found;
      } catch (error) {
        lock.release();
        throw error;
      }
    }
    if (waitsFor === null) kept.onWait(lock);
    waitsFor = lock;
    await sleep(LOOK_MS, kept.signal);
    const found = await findKept(kept);
    if (found !== null) return found;
  }
}

function lockOf(building: string, path: string): BuildingLock | string {
  try {
    return takeLock(building);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw cause;
    throw new ConfigError(
      `the index of ${path} lies beside it, and ${besideCorpus(path)} cannot be written (${code}): ` +
        'copy or link the corpus into a folder of yours, or have it indexed by `swirl index` as somebody who may',
      { cause },
    );
  }
}

async function makeLocked<M extends OfCorpus>(
  kept: Kept<M>,
  building: string,
  lock: BuildingLock,
): Promise<Found<M>> {
  const { path, signal } = kept;
  const { size, mtimeMs } = fileOf(path);
  const corpus = { sha256: await hashOf(path, signal), bytes: size, modifiedMs: mtimeMs };
  const hash = createHash('sha256').update(`${kept.settings} ${corpus.sha256}`).digest('hex');
  const folder = join(besideCorpus(path), `${kept.prefix}${hash.slice(0, 16)}`);
  if (!kept.isCheap && existsSync(folder))
    throw damaged(join(folder, FILES.manifest), 'expected what was written, found another text or none');
  const parts = join(building, 'index');
  makeFolder(parts);
  const manifest = await kept.make(parts, corpus, () => lock.touch());
  // Not of this content, which others may have made in the meantime with other settings.
  const stale = allKept(kept).filter(({ manifest: { corpus: of } }) => of.sha256 !== corpus.sha256);
  // What is there by that name has no manifest that is understood.
  removeFolder(folder);
  renameSync(parts, folder);
  for (const other of stale) removeFolder(other.folder);
  removeFolder(building);
  return { folder, manifest };
}

function fileOf(path: string): { readonly size: number; readonly mtimeMs: number } {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new DataError(`${path}: there is no such file`);
  if (!found.isFile()) throw new DataError(`${path}: expected a file, whose index can be kept`);
  return found;
}

/** SHA-256 of a file's bytes. */
async function hashOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(bytes);
  return hash.digest('hex');
}
