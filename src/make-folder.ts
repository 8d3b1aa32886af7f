/** Makes a folder with those above it, as `mkdir -p`. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

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
