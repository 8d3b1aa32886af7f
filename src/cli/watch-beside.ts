/**
 * The page of a run, served by a process of its own while the run goes on: whoever looks at it, and however
 * much, takes nothing of the run's but what is left of the machine.
 */
import { fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { sleep } from '../clock.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import type { RunNews } from '../watch/run-news.ts';

/** How often the page's process is told how far the stages are, in milliseconds. */
const TELL_MS = 500;
/** How long it may take to end, in milliseconds. */
const END_MS = 2000;

export interface Beside {
  /** What the page is told of the run from now on. */
  follow(look: () => Promise<RunNews>): void;
  stop(): Promise<void>;
  /** The page's process; undefined where it could not be started. */
  readonly pid: number | undefined;
}

export interface BesideOptions {
  /** Hears the page's address, or why there is none. */
  readonly say: (message: string) => void;
  readonly port?: number;
}

/** Starts it, and does not wait: the run begins at once. */
export function watchBeside(topology: Topology, { say, port }: BesideOptions): Beside {
  const program = process.argv[1] as string;
  const args = ['watch', runFolder(topology), '--run', topology.run];
  const child = fork(program, port === undefined ? args : [...args, '--port', String(port)], {
    // Control-C in a terminal is for the run, which ends the page after itself.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', resolve);
    child.once('error', (error) => {
      say(`the page cannot be shown: ${error.message}`);
      resolve();
    });
  });
  void ended.then(() => {
    if (!isOver) say('the page has ended; the run goes on');
    isOver = true;
  });
  child.once('message', ({ url }: { readonly url: string }) => say(`watch it: ${url}`));
  try {
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Where that is not allowed it has the run's priority.
  }
  let timer: NodeJS.Timeout | undefined;
  return {
    pid: child.pid,
    follow: (look) => {
      let isTelling = false;
      const tell = async () => {
        if (isTelling || isOver) return;
        isTelling = true;
        const news = await look().catch(() => null);
        // Who does not listen in time is told the next time.
        if (news === null || isOver || !child.connected) isTelling = false;
        else child.send(news, () => (isTelling = false));
      };
      timer = setInterval(() => void tell(), TELL_MS).unref();
      void tell();
    },
    stop: async () => {
      clearInterval(timer);
      if (isOver) return;
      isOver = true;
      if (child.connected) child.disconnect();
      await Promise.race([ended, sleep(END_MS)]);
      child.kill('SIGKILL');
    },
  };
}
