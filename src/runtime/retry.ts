/** Bounded retries with exponential backoff, for errors that say that trying again may help. */

import { z } from 'zod';
import { EndpointError, isFatal, SwirlError } from '../errors.ts';

export const retryConfig = z
  .strictObject({
    attempts: z.number().int().min(1).max(100).default(4).describe('How often a record is tried in all.'),
    backoffMs: z
      .number()
      .int()
      .min(1)
      .default(500)
      .describe('Pause before the second attempt; doubles each time.'),
    maxBackoffMs: z
      .number()
      .int()
      .min(1)
      .default(30_000)
      .describe('The longest pause, also for a Retry-After.'),
  })
  .describe('Retries of records whose error may be passing.');

export type RetryConfig = z.output<typeof retryConfig>;

/** A try that failed, of how many. */
interface Tried {
  readonly attempt: number;
  readonly attempts: number;
  readonly error: Error;
}

/** Waits until the next try, as a `Sleep` does; whoever passes one in may look at what failed. */
export type Pause = (ms: number, signal: AbortSignal, tried?: Tried) => Promise<void>;

/** The last error of a task, after how many attempts. */
export class Exhausted extends Error {
  constructor(
    readonly error: SwirlError,
    readonly attempts: number,
  ) {
    super(error.message, { cause: error });
  }
}

/**
 * Runs the task until it succeeds, its error says that trying again is useless, or the attempts are used up;
 * then throws `Exhausted`. Fatal errors, those of endpoints that nobody can use, and the signal's reason are
 * thrown as they are.
 */
export async function retry<T>(
  task: () => Promise<T>,
  options: { readonly config: RetryConfig; readonly signal: AbortSignal; readonly sleep: Pause },
): Promise<T> {
  const { config, signal, sleep } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      if (signal.aborted || isFatal(error) || !(error instanceof SwirlError)) throw error;
      if (!error.retryable || attempt >= config.attempts) {
        // Not the record's fault: the next one would meet the same.
        throw error instanceof EndpointError ? error : new Exhausted(error, attempt);
      }
      const backoff = error.retryAfterMs ?? config.backoffMs * 2 ** (attempt - 1);
      const { attempts } = config;
      await sleep(Math.min(backoff, config.maxBackoffMs), signal, { attempt, attempts, error });
    }
  }
}
