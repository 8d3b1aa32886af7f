/**
 * Observables that wait. RxJS has no way to tell a source that its reader is busy, so a chain of stages of
 * different speeds would gather records without bound. Those made here are told: `paced` and the stage
 * operators, one after the other.
 */
import { Observable, type Subscriber, type TeardownLogic } from 'rxjs';

/** Whether the reader has room. */
export interface Room {
  /** Resolves when it has; at once where it has now. */
  wait(): Promise<void> | null;
}

/** For readers that cannot say: there is always room. */
const ALWAYS: Room = { wait: () => null };

type Produce<T> = (subscriber: Subscriber<T>, room: Room) => TeardownLogic;

/**
 * An Observable whose producer asks whether there is room. Any operator of RxJS behind it makes an ordinary
 * one of it.
 */
export class Paced<T> extends Observable<T> {
  readonly #produce: Produce<T>;

  constructor(produce: Produce<T>) {
    super((subscriber) => produce(subscriber, ALWAYS));
    this.#produce = produce;
  }

  /** The same for a reader that says whether it has room. */
  reading(room: Room): Observable<T> {
    return new Observable((subscriber) => this.#produce(subscriber, room));
  }
}

/**
 * An Observable of an iterable's values, which are asked for one by one and only while the stage operator
 * after it has room. RxJS's own `from` emits all of them at once, and they would have to wait in memory.
 *
 * @example
 * paced(questions).pipe(rollout({ policy, tasks, tools })).subscribe(console.log);
 */
export function paced<T>(values: Iterable<T> | AsyncIterable<T>): Observable<T> {
  return new Paced((subscriber, room) => {
    void produce(values, subscriber, room).catch((error: unknown) => subscriber.error(error));
  });
}

/** Leaving the loop ends the iterable. */
async function produce<T>(
  values: Iterable<T> | AsyncIterable<T>,
  subscriber: Subscriber<T>,
  room: Room,
): Promise<void> {
  for await (const value of values) {
    if (subscriber.closed) return;
    subscriber.next(value);
    await room.wait();
    if (subscriber.closed) return;
  }
  subscriber.complete();
}
