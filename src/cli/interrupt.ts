/**
 * SIGINT and SIGTERM: the first one drains and commits, the second one stops at once; neither loses anything.
 */
import { EXIT } from './exit.ts';
import { watchInterrupts } from './interrupt-watch.ts';

export interface Interrupts {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/** How long a process that is to stop at once may take for that, in milliseconds. */
const AT_ONCE_MS = 5_000;

/**
 * Listens from now on; `notify` tells the user what the first signal does. A process that has not ended some
 * seconds after the second one is ended, and by a third one without delay; one whose event loop stands still,
 * by the second SIGINT.
 */
export function interrupts(
  notify: (message: string) => void,
  first = 'finishing and committing what is in flight; once more to stop at once (nothing is lost)',
): Interrupts {
  const stop = new AbortController();
  const abort = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    if (stop.signal.aborted) {
      setTimeout(() => process.exit(EXIT.interrupted), AT_ONCE_MS).unref();
      abort.abort(new Error(`stopped at once by a second ${signal}`));
      return;
    }
    notify(`${signal}: ${first}`);
    stop.abort(new Error(`stopped by ${signal}`));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  const unwatch = watchInterrupts(() => onSignal('SIGINT'));
  return {
    stop: stop.signal,
    abort: abort.signal,
    release: () => {
      unwatch();
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
