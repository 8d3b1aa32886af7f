/** Folders that are there as a whole or not at all: written aside, flushed, and renamed into place. */
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../make-folder.ts';

/** Fills a folder beside `path` by `fill`, and renames it to `path`. What was there is replaced. */
export async function writeFolderAside(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.new`);
  const old = join(dirname(path), `.${basename(path)}.old`);
  await rm(aside, { recursive: true, force: true });
  makeFolder(aside);
  await fill(aside);
  await flushFolder(aside);
  await rm(old, { recursive: true, force: true });
  await rename(path, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(aside, path);
  await flushFolder(dirname(path));
  await rm(old, { recursive: true, force: true });
}

/** Copies those of the files that are there, and flushes them. `change` may rewrite one, by its name. */
export async function copyFiles(
  names: readonly string[],
  { from, to, change = (_, bytes) => bytes }: CopyOptions,
): Promise<void> {
  for (const name of names) {
    const bytes = await readFile(join(from, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    });
    if (bytes) await writeFile(join(to, name), change(name, bytes), { flush: true });
  }
}

export interface CopyOptions {
  readonly from: string;
  readonly to: string;
  readonly change?: (name: string, bytes: Buffer) => Buffer | string;
}

/** Writes a JSON file as people read it, and flushes it. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`, { flush: true });
}

/** A rename lasts once its folder is flushed. */
export async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
