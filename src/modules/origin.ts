/** What stands in a record about the module or prompt that decided it: the same on every machine. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Origin } from '../topics/records.generated.ts';

/** Longer settings stand in records as their hash: every record bears them. */
const MOST_CHARS = 2000;

/** `settings`: as the topology has them. */
export function originOf(
  {
    path,
    export: name,
    settings,
  }: { readonly path: string; readonly export: string; readonly settings: unknown },
  hash: string,
): Origin {
  const text = JSON.stringify(sorted(settings)).toWellFormed();
  return {
    module: nameOf(path).toWellFormed(),
    export: name.toWellFormed(),
    hash,
    settings: text.length > MOST_CHARS ? `sha256:${createHash('sha256').update(text).digest('hex')}` : text,
  };
}

/** The file's name; of a package its path from `node_modules` on. */
function nameOf(path: string): string {
  const plain = path.replaceAll('\\', '/');
  const inside = plain.lastIndexOf('/node_modules/');
  return inside < 0 ? basename(plain) : plain.slice(inside + '/node_modules/'.length);
}

/** With keys in the order of the alphabet, so that it does not matter how the topology writes them. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
