/** Small files that are written as a whole, or not. */
import { renameSync, writeFileSync } from 'node:fs';

/** A value as JSON. */
export function writeAside(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
}
