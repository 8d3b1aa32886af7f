/** Builds the operator of a stage that treats each record on its own. */
import { EMPTY, from, mergeMap, type Observable } from 'rxjs';
import type { Sleep } from '../clock.ts';
import { failureOf } from './failure.ts';
import { Exhausted, type RetryConfig, retry } from './retry.ts';
import type { Delivery, Emission, Finished, StageOperator } from './stage.ts';

export interface PerRecordOptions<T> {
  /** The stage's name, for its failures. */
  readonly stage: string;
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
  /** What to emit when a record has failed for good; by default nothing but the failure record. */
  readonly giveUp?: (value: T, exhausted: Exhausted) => readonly Emission[];
}

/**
 * An operator that maps each delivery to its outputs, all at once: the runtime's window bounds how many are
 * in flight. An error becomes a failure record after the retries its class allows; a fatal one ends
 * the stream; an aborted delivery is dropped, to be delivered again.
 */
export function perRecord<T extends { readonly id: string }>(
  task: (value: T, signal: AbortSignal) => Promise<readonly Emission[]>,
  options: PerRecordOptions<T>,
): StageOperator<T> {
  const process = async (delivery: Delivery<T>): Promise<Observable<Finished>> => {
    const { value, signal, offset } = delivery;
    try {
      const outputs = await retry(() => task(value, signal), {
        config: options.retry,
        signal,
        sleep: options.sleep,
      });
      return from([{ offset, outputs }]);
    } catch (error) {
      if (signal.aborted) return EMPTY;
      if (!(error instanceof Exhausted)) throw error;
      const { attempts } = error;
      const failed = failureOf(options.stage, delivery, error.error, { attempts, record: value.id });
      return from([{ offset, outputs: [failed, ...(options.giveUp?.(value, error) ?? [])] }]);
    }
  };
  return (source) =>
    source.pipe(mergeMap((delivery) => from(process(delivery)).pipe(mergeMap((done) => done))));
}
