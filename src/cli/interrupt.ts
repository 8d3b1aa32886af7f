/**
 * SIGINT and SIGTERM: the first one drains and commits, the second one stops at once; neither loses anything.
 */
export interface Interrupts {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/** Listens from now on; `notify` tells the user what the first signal does. */
export function interrupts(notify: (message: string) => void): Interrupts {
  const stop = new AbortController();
  const abort = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      abort.abort(new Error(`stopped at once by a second ${signal}`));
      return;
    }
    notify(
      `${signal}: finishing and committing what is in flight; once more to stop at once (nothing is lost)`,
    );
    stop.abort(new Error(`stopped by ${signal}`));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    stop: stop.signal,
    abort: abort.signal,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
