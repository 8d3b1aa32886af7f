/** Tells whether a process that once owned something still lives, even where its id was given out again. */
import { readFileSync } from 'node:fs';

/**
 * Names a living process for as long as the machine is up: on Linux by boot, id and start time, elsewhere by
 * its id alone. Null where there is no such process, or only what is left of one that nobody waited for.
 */
export function processIdentity(pid: number): string | null {
  return process.platform === 'linux' ? linuxIdentity(pid) : signalIdentity(pid);
}

function linuxIdentity(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // proc(5): the fields follow the command's name, which may itself contain blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X' || startTime === undefined) return null;
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot}/${pid}/${startTime}`;
}

function signalIdentity(pid: number): string | null {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Anything but "no such process" means that it is there and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return null;
  }
  return `${pid}`;
}
