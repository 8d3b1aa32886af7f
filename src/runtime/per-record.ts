/** Builds the operator of a stage that treats each record on its own. */
import { EMPTY, from, mergeMap, type Observable } from 'rxjs';
import type { Sleep } from '../clock.ts';
import { OutOfBudget } from '../errors.ts';
import { failureOf, idOf } from './failure.ts';
import { Exhausted, type RetryConfig, retry } from './retry.ts';
import type { AnyEmission, Delivery, Emission, Finished, StageOperator } from './stage.ts';

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
 * the stream; an aborted delivery is dropped, and one that the budget does not allow held, to be delivered again.
 */
export function perRecord<T extends object>(
  task: (value: T, signal: AbortSignal) => Promise<readonly Emission[]>,
  options: PerRecordOptions<T>,
): StageOperator<T> {
  return perDelivery<T, Emission>(({ value, signal }) => task(value, signal), options);
}

/** As `perRecord`, for tasks that need to know where the record stands. */
export function perDelivery<T extends object, E extends AnyEmission>(
  task: (delivery: Delivery<T>) => Promise<readonly E[]>,
  options: PerRecordOptions<T>,
): StageOperator<T, E | Emission> {
  const process = async (delivery: Delivery<T>): Promise<Observable<Finished<E | Emission>>> => {
    const { value, signal, offset } = delivery;
    try {
      const outputs = await retry(() => task(delivery), {
        config: options.retry,
        signal,
        sleep: options.sleep,
      });
      return from([{ offset, outputs, record: idOf(value) }]);
    } catch (error) {
      if (signal.aborted) return EMPTY;
      if (error instanceof OutOfBudget) return from([{ offset, outputs: [], held: true }]);
      if (!(error instanceof Exhausted)) throw error;
      const { attempts } = error;
      const failed = failureOf(options.stage, delivery, error.error, { attempts, record: idOf(value) });
      return from([{ offset, outputs: [failed, ...(options.giveUp?.(value, error) ?? [])] }]);
    }
  };
  return (source) =>
    source.pipe(mergeMap((delivery) => from(process(delivery)).pipe(mergeMap((done) => done))));
}
