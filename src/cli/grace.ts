/** SIGTERM comes once, and then SIGKILL: what has not ended by itself in time is stopped at once. */
import { EXIT } from './exit.ts';

export interface Grace {
  /** Aborts when the time is over: what is in flight is given up, and done again by the next. */
  readonly over: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/** How long a process that is to stop at once may take for that, in milliseconds. */
const AT_ONCE_MS = 5_000;
/** The longest that a timer waits, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** From the first SIGTERM on so many milliseconds; `notify` tells when they are over. */
export function graceOf(ms: number, notify: (message: string) => void): Grace {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    notify(`SIGTERM: stopping at once after ${ms / 1000} s (runtime.graceMs); nothing is lost`);
    setTimeout(() => process.exit(EXIT.interrupted), AT_ONCE_MS).unref();
    over.abort(new Error(`stopped at once ${ms} ms after SIGTERM`));
  };
  const onTerm = () => {
    timer ??= setTimeout(end, Math.min(ms, LONGEST_MS)).unref();
  };
  process.on('SIGTERM', onTerm);
  return {
    over: over.signal,
    release: () => {
      clearTimeout(timer);
      process.off('SIGTERM', onTerm);
    },
  };
}
