/** A task with a time limit, in real time: for what may never answer. */

/** The task was not done in time. It may still be running: what it holds is its own. */
export const LATE = Symbol('late');

/**
 * The task's result, or `LATE`. The task's signal aborts at the limit, and when the given one does; its
 * reason is thrown in the latter case. What a late task does after that is heard by nobody.
 */
export async function inTime<T>(
  task: (signal: AbortSignal) => T | Promise<T>,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<T | typeof LATE> {
  signal?.throwIfAborted();
  // One signal per call, and a listener that is taken back: the run's signal outlives every call.
  const end = new AbortController();
  const stop = () => end.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(() => end.abort(), timeoutMs);
  const givenUp = new Promise<typeof LATE>((resolve, reject) => {
    const give = () => (signal?.aborted ? reject(signal.reason) : resolve(LATE));
    end.signal.addEventListener('abort', give, { once: true });
  });
  try {
    return await Promise.race([task(end.signal), givenUp]);
  } catch (error) {
    // The task may notice the limit by itself and throw the signal's reason.
    if (end.signal.aborted) return await givenUp;
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    // Nobody waits for it any more.
    givenUp.catch(() => {});
  }
}
