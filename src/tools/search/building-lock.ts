/**
 * One process at a time builds an index; what it has done is left to the next one where it ends in the middle.
 * Locks are files with rising numbers, of which the highest counts: a number can be taken once, so that of two
 * that find an owner gone one gets it.
 */
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../make-folder.ts';
import { processIdentity } from '../../topics/embedded/process-identity.ts';

/** An owner on another machine is taken for gone when it has not touched its lock for so long. */
const SILENT_MS = 10 * 60_000;
const PREFIX = 'lock-';

export interface BuildingLock {
  /** Says that the owner is at work. */
  touch(): void;
  release(): void;
}

/** Takes the lock of a folder, which is made; a text that names the owner where somebody alive has it. */
export function takeLock(folder: string): BuildingLock | string {
  makeFolder(folder);
  const numbers = lockNumbers(folder);
  const highest = Math.max(0, ...numbers);
  const owner = highest === 0 ? null : ownerOf(join(folder, `${PREFIX}${highest}`));
  if (owner !== null) return owner;
  const path = join(folder, `${PREFIX}${highest + 1}`);
  try {
    writeFileSync(path, JSON.stringify({ host: hostname(), pid: process.pid, process: identity() }), {
      flag: 'wx',
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return 'another process';
    throw error;
  }
  for (const number of numbers) rmSync(join(folder, `${PREFIX}${number}`), { force: true });
  return {
    touch: () => {
      const now = new Date();
      utimesSync(path, now, now);
    },
    // Its number stays taken: nobody who looked before takes it once more.
    release: () => writeFileSync(path, '{}'),
  };
}

function identity(): string {
  return processIdentity(process.pid) ?? '';
}

function lockNumbers(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => Number(name.slice(PREFIX.length)));
}

/** Who has a lock; null where nobody does any more. */
function ownerOf(path: string): string | null {
  let owner: { host?: string; pid?: number; process?: string };
  let touched: number;
  try {
    touched = statSync(path).mtimeMs;
  } catch {
    return 'another process';
  }
  try {
    owner = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Just made, or its owner was killed before it had written its name.
    return Date.now() - touched < SILENT_MS ? 'another process' : null;
  }
  if (owner.pid === undefined) return null;
  if (owner.host === hostname()) {
    return processIdentity(owner.pid) === owner.process ? `process ${owner.pid}` : null;
  }
  return Date.now() - touched < SILENT_MS ? `process ${owner.pid} on ${owner.host}` : null;
}
