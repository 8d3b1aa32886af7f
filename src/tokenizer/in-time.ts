/**
 * Synchronous work on a stranger's expressions (a tokenizer's, a chat template's) within a bounded time. A
 * thread of V8's own ends it, in the middle of a regular expression too, so that a process is never held for
 * longer than the bound.
 */
import { createContext, Script } from 'node:vm';
import { ModelError } from '../errors.ts';

/** The longest that one text may take to become tokens, or tokens text, in milliseconds. */
export const LONGEST_MS = 60_000;

const hands = createContext({ work: null });
const call = new Script('work()');
/** Whether this is within the bounded time of a caller. */
let inside = false;

export interface Bound {
  readonly ms: number;
  /** What is done, for the message: `a text of 12 characters becomes tokens`. */
  readonly what: () => string;
}

/** Throws `OvertimeError` where the work is not done in time; within other bounded work, that one's time counts. */
export function inTime<T>({ ms, what }: Bound, work: () => T): T {
  if (inside) return work();
  let result: T | undefined;
  inside = true;
  hands.work = () => {
    result = work();
  };
  try {
    call.runInContext(hands, { timeout: ms });
    return result as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    throw new OvertimeError(`${what()}: expected within ${ms} ms, found it undone. ${HOSTILE}`);
  } finally {
    inside = false;
    hands.work = null;
  }
}

/** What is to be thought of it, and done. */
export const HOSTILE =
  "Either the text is far too long, or an expression of the policy's tokenizer or chat template is hostile: " +
  'look at "normalizer" and "pre_tokenizer" in its tokenizer.json.';

/** Text or tokens that took too long, or too much memory. */
export class OvertimeError extends ModelError {}
