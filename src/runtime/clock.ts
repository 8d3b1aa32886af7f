/** The real clock, for those who put a flow together; everything else is handed one. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Sleep } from './retry.ts';

/** Waits; rejects with the signal's reason when it aborts. */
export const sleep: Sleep = async (ms, signal) => {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
};
