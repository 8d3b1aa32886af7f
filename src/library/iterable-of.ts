/** An Observable as an iterable: what arrives while the reader is busy waits in a bounded queue. */
import { Observable, Subject, type Subscribable, takeUntil } from 'rxjs';
import { DataError } from '../errors.ts';

/**
 * Records as a program has them. Iterables are asked for a record when there is room for it; Observables
 * cannot be.
 */
export type Source<T> = Iterable<T> | AsyncIterable<T> | Subscribable<T>;

/** A queue's longest length when nothing else is said, in records. */
export const QUEUE = 65_536;

/**
 * The source's records in order. More than `queue` records of an Observable that wait are a `DataError`: they
 * could only be kept in unbounded memory, or be lost. Whoever stops reading ends the source.
 */
export function iterableOf<T>(source: Source<T>, queue: number): AsyncIterable<T> | Iterable<T> {
  return isSubscribable(source) ? records(source, queue) : source;
}

async function* records<T>(source: Subscribable<T>, most: number): AsyncGenerator<T, void, void> {
  let waiting: T[] = [];
  let ended = false;
  let failure: { readonly error: unknown } | null = null;
  let wake = () => {};
  const over = new Subject<void>();
  const end = (failed: typeof failure) => {
    ended = true;
    failure ??= failed;
    over.next();
    wake();
  };
  // Another copy's Observable, or anything else that can be subscribed to, becomes one of ours.
  new Observable<T>((subscriber) => source.subscribe(subscriber)).pipe(takeUntil(over)).subscribe({
    next: (record) => {
      waiting.push(record);
      if (waiting.length > most) end({ error: overflow(most) });
      wake();
    },
    error: (error: unknown) => end({ error }),
    complete: () => end(null),
  });
  try {
    for (;;) {
      const some = waiting;
      waiting = [];
      yield* some;
      if (waiting.length > 0) continue;
      if (failure !== null) throw (failure as { readonly error: unknown }).error;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    over.next();
  }
}

function isSubscribable<T>(source: Source<T>): source is Subscribable<T> {
  return 'subscribe' in source && typeof source.subscribe === 'function';
}

function overflow(most: number): DataError {
  return new DataError(
    `the Observable emitted more than ${most} records while earlier ones were being written, and it cannot be told to wait. ` +
      'Give an iterable or an async iterable, which is asked for one record after the other, or a longer `queue`',
  );
}
