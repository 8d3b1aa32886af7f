/** A flow at work in this process: its progress to watch, and the ways to end it. */
import { Observable } from 'rxjs';
import type { Started } from '../open-run.ts';
import type { RunEnd, StageProgress } from '../runtime/run.ts';
import type { Notify } from './notes.ts';

/** The stages of a run, at work in this process until they are done, stopped or aborted. */
export interface Flow extends AsyncDisposable {
  /**
   * How the flow ended: `drained`, `stopped` or `aborted`; rejects with the error that stopped it, which
   * `notify` hears where nobody asked for the end by then. Nothing that was committed is lost, and the next
   * `start` goes on from there.
   */
  readonly end: Promise<RunEnd>;
  /**
   * How far each stage is: now, every `everyMs` milliseconds (1000 by default), and once more at the end,
   * when it completes. A flow that fails completes it too: the error is `end`'s.
   */
  progress(options?: { readonly everyMs?: number }): Observable<readonly StageProgress[]>;
  /** Takes nothing more up, finishes and commits what is in flight. */
  stop(): Promise<RunEnd>;
  /** Ends at once: what is in flight stays uncommitted, and is done again by the next `start`. */
  abort(): Promise<RunEnd>;
}

export interface FlowDeps {
  /** The controllers of the flow's signals. */
  readonly stop: AbortController;
  readonly abort: AbortController;
  readonly notify: Notify;
}

/** A flow from what was started. */
export function flowOf(started: Started, { stop, abort, notify }: FlowDeps): Flow {
  const end = started.finished;
  let told = false;
  end.catch((error: unknown) => {
    if (!told) notify(`the flow was stopped by an error: ${(error as Error).message}`);
  });
  const stopped = () => {
    stop.abort(new Error('the flow was stopped'));
    return end;
  };
  return {
    get end() {
      told = true;
      return end;
    },
    progress: ({ everyMs = 1000 } = {}) => progressOf(started, everyMs),
    stop: () => {
      told = true;
      return stopped();
    },
    abort: () => {
      told = true;
      abort.abort(new Error('the flow was aborted'));
      return end;
    },
    [Symbol.asyncDispose]: async () => {
      // An error is `end`'s: thrown here too it would only hide another one.
      await stopped().catch(() => {});
    },
  };
}

function progressOf(started: Started, everyMs: number): Observable<readonly StageProgress[]> {
  return new Observable((subscriber) => {
    const over = new AbortController();
    const stop = () => over.abort();
    void started.finished.then(stop, stop);
    const look = async () => {
      // What stopped the flow may keep it from being looked at, and is told by `end`.
      const progress = await started.progress().catch(() => null);
      if (progress !== null) subscriber.next(progress);
    };
    const watch = async () => {
      while (!over.signal.aborted && !subscriber.closed) {
        await look();
        await pause(everyMs, over.signal);
      }
      await look();
      subscriber.complete();
    };
    void watch();
    return () => over.abort();
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
