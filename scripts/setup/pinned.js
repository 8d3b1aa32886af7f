/**
 * The Vulkan driver that set-up chose for this checkout, in `.swirl/vulkan.json`; src/device reads it as
 * well.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.swirl', 'vulkan.json');

/** @returns {string | null} the manifest (ICD) of the chosen driver */
export function pinnedDriver() {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).icd ?? null;
  } catch {
    // Nothing chosen, or a file that is not ours: the loader's own search is right then.
    return null;
  }
}

/** @param {string | null} icd null: let the loader search */
export function pinDriver(icd) {
  if (icd === null) rmSync(file, { force: true });
  else {
    // Whole or not at all: every command reads it.
    writeFileSync(`${file}.tmp`, `${JSON.stringify({ icd })}\n`);
    renameSync(`${file}.tmp`, file);
  }
}
