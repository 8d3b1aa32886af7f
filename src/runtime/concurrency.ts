/** Bounds how many calls are in flight at once; the others wait in order. */
import { setMaxListeners } from 'node:events';

/**
 * Waits for a place; the returned function gives it back. Rejects with the signal's reason when it aborts.
 */
export type Acquire = (signal: AbortSignal) => Promise<() => void>;

/** The waiting line is as long as there are callers: the stages' windows bound it. */
export function limitConcurrency(places: number): Acquire {
  let free = places;
  const waiting: (() => void)[] = [];

  const release = () => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const once = (give: () => void) => {
    let given = false;
    return () => {
      if (!given) give();
      given = true;
    };
  };

  return async (signal) => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return once(release);
    }
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      waiting.push(enter);
      // As many wait on one signal as there are callers: no leak, of which Node would warn.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', leave, { once: true });
    });
    return once(release);
  };
}
