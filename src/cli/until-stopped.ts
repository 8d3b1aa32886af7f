/** Work over a whole run that a first Control-C gives up, and that says on a terminal how far it is. */
import { EXIT } from './exit.ts';
import { interrupts } from './interrupt.ts';
import { canRewrite } from './screen.ts';

export interface StoppableWork {
  /** Aborts when the work is to be given up. */
  readonly signal: AbortSignal;
  readonly notify: (message: string) => void;
  readonly onProgress: (count: number) => void;
}

/** Between two lines on a terminal, in milliseconds. */
const SHOW_MS = 250;
const ERASE = '\r\u001b[2K';

/** The work's result; null where it was interrupted, with the exit code set. `what` it counts. Throws as the work does. */
export async function untilStopped<T>(
  what: string,
  run: (work: StoppableWork) => Promise<T>,
): Promise<T | null> {
  const { stderr } = process;
  const rewrites = canRewrite(stderr);
  const notify = (message: string) => void stderr.write(`${rewrites ? ERASE : ''}${message}\n`);
  const { stop, release } = interrupts(notify, 'giving up; nothing is left half done');
  let shown = performance.now();
  const onProgress = (count: number) => {
    if (!rewrites || performance.now() - shown < SHOW_MS) return;
    shown = performance.now();
    stderr.write(`${ERASE}${count} ${what}`);
  };
  try {
    return await run({ signal: stop, notify, onProgress });
  } catch (error) {
    if (!stop.aborted || error !== stop.reason) throw error;
    process.exitCode = EXIT.interrupted;
    return null;
  } finally {
    if (rewrites) stderr.write(ERASE);
    release();
  }
}
