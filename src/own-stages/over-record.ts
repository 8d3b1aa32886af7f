/**
 * A stage of one's own over single records: the operator is applied to each record alone, which is all that
 * its source gives before it completes. It may wait; what it gives by the time it completes belongs to that
 * record.
 */
import { fromEvent, lastValueFrom, of, take, takeUntil, toArray } from 'rxjs';
import type { Sleep } from '../clock.ts';
import { DataError } from '../errors.ts';
import { callModule, readGiven } from '../modules/call-module.ts';
import type { StageCall } from '../parts/calls.ts';
import { perDelivery } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { AnyEmission, StageOperator } from '../runtime/stage.ts';
import { emissionsOf, nameOf, type OutputRules } from './outputs.ts';
import { streamOf } from './stream-of.ts';

export interface OverRecordOptions extends OutputRules {
  readonly operator: StageCall;
  /** Longest time for one record. */
  readonly timeoutMs: number;
  /** Most outputs for one record. */
  readonly maxOutputs: number;
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/**
 * What it throws, its time-outs and what is no record of its topic become failures; see `callModule` for
 * retries.
 */
export function overRecord(options: OverRecordOptions): StageOperator<object, AnyEmission> {
  const { operator, timeoutMs, maxOutputs, where } = options;
  const apply = async (value: object, signal: AbortSignal): Promise<unknown[]> => {
    const outputs = streamOf(operator(of<never[]>(value as never))).pipe(
      takeUntil(fromEvent(signal, 'abort')),
      take(maxOutputs + 1),
      toArray(),
    );
    return lastValueFrom(outputs);
  };
  return perDelivery<object, AnyEmission>(async (delivery) => {
    const { value, signal } = delivery;
    const about = nameOf(delivery);
    const outputs = await callModule((end) => apply(value, end), { where, about, timeoutMs, signal });
    if (outputs.length > maxOutputs) throw new DataError(tooMany(options, about));
    return readGiven(() => emissionsOf(outputs, delivery, options), { where, about, Fault: DataError });
  }, options);
}

/** Of an operator that gives more than it may for one record. */
export function tooMany(
  { where, maxOutputs }: { readonly where: string; readonly maxOutputs: number },
  about: string,
): string {
  return `${where}: for ${about} it gave more than ${maxOutputs} outputs (maxOutputs)`;
}
