/**
 * How tests wait: for a cause, never for an amount of time that a busy machine may need more of. What does
 * not come about at all ends a test all the same, and says what it waited for.
 */

/**
 * The longest wait, in milliseconds; shorter than jest's `testTimeout`, which cannot say what was waited for.
 */
export const PATIENCE_MS = 900_000;

export interface Wait {
  /** How often to look, in milliseconds. */
  readonly everyMs?: number;
  /** What else is known by then, for the message. */
  readonly details?: () => string;
}

/** Looks again and again until it has come about. */
export async function until(
  what: string,
  reached: () => boolean | Promise<boolean>,
  { everyMs = 5, details = () => '' }: Wait = {},
): Promise<void> {
  const started = performance.now();
  for (let looked = started; !(await reached()); looked = performance.now()) {
    const now = performance.now();
    if (now - started > PATIENCE_MS) throw new Error(inVain(what, details()));
    // What is waited for needs the machine more than a look that takes long.
    await pause(Math.max(everyMs, 3 * (now - looked)));
  }
}

/** The promise's result; an error that says what was waited for where it does not come. */
export async function patiently<T>(what: string, promise: Promise<T>, details = () => ''): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(inVain(what, details()))), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets time go by: to vary what happens, never to give something enough time. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function inVain(what: string, details: string): string {
  return `waited ${PATIENCE_MS / 60_000} minutes in vain for ${what}${details === '' ? '' : `:\n${details}`}`;
}
