/** A stage as a function: a record in, its outputs out. For stages that treat each record on its own. */
import { Subject } from 'rxjs';
import type { Delivery, Emission, StageOperator } from '../../runtime/stage.ts';
import type { Topic } from '../../topics/records.generated.ts';

/**
 * The outputs of one record, failures among them; rejects with the error that ended the stage, or the
 * signal's reason.
 */
export type StageCall<T> = (value: T) => Promise<readonly Emission[]>;

interface Caller {
  readonly resolve: (outputs: readonly Emission[]) => void;
  readonly reject: (error: unknown) => void;
}

/** The function of an operator. Any number of calls may be in flight; `signal` ends them all. */
export function stageCall<T>(
  operator: StageOperator<T>,
  { topic, signal }: { readonly topic: Topic; readonly signal: AbortSignal },
): StageCall<T> {
  const callers = new Map<number, Caller>();
  const source = new Subject<Delivery<T>>();
  let next = 0;
  let failure: { readonly error: unknown } | null = null;
  const fail = (error: unknown) => {
    failure ??= { error };
    for (const { reject } of callers.values()) reject(error);
    callers.clear();
  };
  const subscription = source.pipe(operator).subscribe({
    next: ({ offset, outputs }) => {
      if (offset === null) throw new Error(`a stage over ${topic} has outputs that belong to no record`);
      callers.get(offset)?.resolve(outputs);
      callers.delete(offset);
    },
    error: fail,
  });
  const end = () => {
    subscription.unsubscribe();
    fail(signal.reason);
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return (value) =>
    new Promise((resolve, reject) => {
      if (failure !== null) return reject(failure.error);
      const offset = next++;
      callers.set(offset, { resolve, reject });
      source.next({ value, topic, partition: 0, offset, signal });
    });
}
