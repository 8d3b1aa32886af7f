/** Says, once for each, that a model or a tool has not answered for long: a call that waits looks like a hang. */

/** Makes a call of somebody with a name, such as `http://127.0.0.1:8000/v1/chat/completions (my-model)`. */
export type WaitNotice = <T>(call: () => Promise<T>, who: Awaited) => Promise<T>;

interface Awaited {
  readonly name: string;
  /** When the call is given up, in milliseconds. */
  readonly timeoutMs: number;
}

export interface WaitNoticeOptions {
  /** After how long it is said, in milliseconds; 0: never. */
  readonly afterMs: number;
  readonly notify: (message: string) => void;
}

export function waitNotice({ afterMs, notify }: WaitNoticeOptions): WaitNotice {
  const told = new Set<string>();
  return async (call, { name, timeoutMs }) => {
    if (afterMs === 0 || told.has(name)) return call();
    const timer = setTimeout(() => {
      if (told.has(name)) return;
      told.add(name);
      notify(
        `${name}: no answer for ${seconds(afterMs)} so far; it is waited for, up to ${seconds(timeoutMs)} a call`,
      );
    }, afterMs).unref();
    try {
      return await call();
    } finally {
      clearTimeout(timer);
    }
  };
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toPrecision(3))} s`;
}
