/** Makes folders: with those above them, as `mkdir -p`; and whole or not at all. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * Throws as `mkdirSync` does. Node's own `recursive: true` tries without an end where a folder that is there can
 * hold none, as in `/proc` (Node 20, `mkdir` of a missing folder in one that says ENOENT).
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder);
    } catch (error) {
      // Another process may have made it in the meantime.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  // What stands there may be a file: that is told as ever.
  if (missing.length === 0) mkdirSync(path, { recursive: true });
}

interface Whole {
  /** What lies in a folder that was made. */
  readonly file: string;
  /** Fills a folder that is not there yet for others. */
  readonly fill: (draft: string) => void;
}

/**
 * Makes a folder aside and renames it, so that it holds all or nothing, whoever else makes it and whatever ends
 * the process; the disk has the rename. Throws as `node:fs` and `fill` do.
 */
export function makeWholeFolder(folder: string, { file, fill }: Whole): void {
  const draft = `${folder}.new-${process.pid}`;
  makeFolder(dirname(folder));
  rmSync(draft, { recursive: true, force: true });
  try {
    mkdirSync(draft);
    fill(draft);
    renameSync(draft, folder);
  } catch (error) {
    // Another process may have made it in the meantime.
    if (!existsSync(join(folder, file))) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  // Windows opens no folders.
  if (process.platform === 'win32') return;
  const parent = openSync(dirname(folder), 'r');
  fsyncSync(parent);
  closeSync(parent);
}
