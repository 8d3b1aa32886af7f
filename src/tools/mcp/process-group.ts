/**
 * Ends a program and all that it started. On POSIX it leads a process group of its own, which its children
 * are in unless they leave it; on Windows its tree is asked for.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';

/** What is told to a group on the way out of this process, in whatever way it ends but SIGKILL. */
const LIVING = new Set<number>();

let watching = false;

/** Keeps the program among those that end with this process; the returned function lets go of it. */
export function endWithThisProcess(pid: number): () => void {
  LIVING.add(pid);
  if (!watching) {
    watching = true;
    process.on('exit', () => {
      for (const living of LIVING) signalGroup(living, 'SIGKILL');
    });
  }
  return () => {
    LIVING.delete(pid);
  };
}

/** Sends a signal to the program's whole group; whether there was any of it left. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  if (process.platform === 'win32') {
    const force = signal === 'SIGKILL' ? ['/F'] : [];
    return spawnSync('taskkill', ['/T', ...force, '/PID', String(pid)], { stdio: 'ignore' }).status === 0;
  }
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Waits until the program has ended, so long at most; whether it has. */
export async function endedWithin(child: ChildProcess, ms: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  return new Promise((resolve) => {
    const done = (ended: boolean) => {
      clearTimeout(timer);
      child.off('exit', exited);
      resolve(ended);
    };
    const exited = () => done(true);
    const timer = setTimeout(() => done(false), ms);
    child.once('exit', exited);
  });
}
