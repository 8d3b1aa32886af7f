/**
 * Finds the index of a corpus, or builds it. It lies beside the corpus: `corpus.jsonl.index/`, in it a folder for
 * each content and settings, named by their hash. So a stale one is never taken for another, and one that is in use
 * is not overwritten.
 */
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../clock.ts';
import { ConfigError, DataError } from '../../errors.ts';
import { makeFolder } from '../../make-folder.ts';
import { type BuildProgress, buildIndex, writeAside } from './build-index.ts';
import { type BuildingLock, takeLock } from './building-lock.ts';
import { DiskIndex } from './disk-index.ts';
import { FILES, INDEX_VERSION, type Manifest, readManifest } from './index-files.ts';

export interface OpenIndexOptions {
  /** The corpus: a file. */
  readonly path: string;
  /** How often the words of a title count. */
  readonly titleWeight: number;
  /** How much of the files is kept in memory. */
  readonly cacheBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BuildProgress) => void;
  /** Hears who else builds it, once. */
  readonly onWait: (owner: string) => void;
  readonly segmentPostings?: number;
}

/** How often a process that waits for another one looks again, in milliseconds. */
const LOOK_MS = 300;

/**
 * Opens the index of the corpus, which is built first where there is none: what an ended process left is gone on
 * with, and while another process builds it this one waits. Throws as `buildIndex` does, and `ConfigError` where
 * nothing can be written beside the corpus.
 */
export async function openIndex(options: OpenIndexOptions): Promise<DiskIndex> {
  const found = (await findIndex(options)) ?? (await makeIndex(options));
  return new DiskIndex(found.folder, found.manifest, options.cacheBytes);
}

interface FoundIndex {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The folder with the indexes of a corpus. */
function indexFolder(path: string): string {
  return `${path}.index`;
}

/** By the file's size and time; where these are others, by its content. */
async function findIndex({ path, titleWeight, signal }: OpenIndexOptions): Promise<FoundIndex | null> {
  const { size, mtimeMs } = fileOf(path);
  const there = indexesOf(path).filter(({ manifest }) => manifest.titleWeight === titleWeight);
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

function indexesOf(path: string): FoundIndex[] {
  const parent = indexFolder(path);
  let names: string[];
  try {
    names = readdirSync(parent);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const folder = join(parent, name);
    const manifest = name.startsWith('building-') ? null : readManifest(folder);
    return manifest === null ? [] : [{ folder, manifest }];
  });
}

async function makeIndex(options: OpenIndexOptions): Promise<FoundIndex> {
  const { path, titleWeight, signal } = options;
  const building = join(indexFolder(path), `building-title-${titleWeight}`);
  let waitsFor: string | null = null;
  for (;;) {
    const lock = lockOf(building, path);
    if (typeof lock !== 'string') {
      try {
        // Whoever had it before may have come to the end.
        const found = await findIndex(options);
        if (found === null) return await buildLocked(options, building, lock);
        removeFolder(building);
        return found;
      } catch (error) {
        lock.release();
        throw error;
      }
    }
    if (waitsFor === null) options.onWait(lock);
    waitsFor = lock;
    await sleep(LOOK_MS, signal);
    const found = await findIndex(options);
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
      `the index of ${path} lies beside it, and ${indexFolder(path)} cannot be written (${code}): ` +
        'copy or link the corpus into a folder of yours, or have it indexed by `swirl index` as somebody who may',
      { cause },
    );
  }
}

async function buildLocked(
  options: OpenIndexOptions,
  building: string,
  lock: BuildingLock,
): Promise<FoundIndex> {
  const { path, titleWeight, signal } = options;
  const { size, mtimeMs } = fileOf(path);
  const corpus = { sha256: await hashOf(path, signal), bytes: size, modifiedMs: mtimeMs };
  const parts = join(building, 'index');
  makeFolder(parts);
  const manifest = await buildIndex({
    ...{ path, corpus, titleWeight, signal, folder: parts },
    onProgress: (progress) => {
      lock.touch();
      options.onProgress(progress);
    },
    ...(options.segmentPostings === undefined ? {} : { segmentPostings: options.segmentPostings }),
  });
  const stale = indexesOf(path).filter((other) => other.manifest.titleWeight === titleWeight);
  const name = createHash('sha256').update(`${INDEX_VERSION} ${titleWeight} ${corpus.sha256}`).digest('hex');
  const folder = join(indexFolder(path), name.slice(0, 16));
  // What is there by that name has no manifest that is understood.
  removeFolder(folder);
  renameSync(parts, folder);
  for (const other of stale) removeFolder(other.folder);
  removeFolder(building);
  return { folder, manifest };
}

/** What cannot be removed, as what others have open on Windows, stays. */
function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // It costs space, and is in nobody's way.
  }
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
