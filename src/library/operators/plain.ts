/**
 * A stage over plain values: the adapter between an Observable of records and the operator that the same
 * stage has over a topic, which speaks of deliveries and of what is finished. What the runtime and the log do
 * for a stage is done here in memory: a window of records in flight, outputs in the order of the inputs,
 * failures as records.
 */
import { setMaxListeners } from 'node:events';
import { type OperatorFunction, Subject, type Subscriber, type Subscription } from 'rxjs';
import { DataError } from '../../errors.ts';
import { Changes } from '../../runtime/changes.ts';
import { failureOf } from '../../runtime/failure.ts';
import type { Delivery, Emission, Finished, StageOperator } from '../../runtime/stage.ts';
import { Window } from '../../runtime/window.ts';
import { checkRecord } from '../../topics/avro/check-record.ts';
import { withDefaults } from '../../topics/avro/json-value.ts';
import { topicSchema } from '../../topics/avro/schemas.ts';
import type { Failure, Topic, TopicRecords } from '../../topics/records.generated.ts';
import { QUEUE } from '../iterable-of.ts';
import { Paced, type Room } from './paced.ts';
import { RecordFailed } from './record-failed.ts';

/** What every stage operator over plain Observables may be told. */
export interface OperatorOptions {
  /**
   * Most records in flight: taken up, their outputs not emitted yet. By default that of the stage in a
   * topology.
   */
  readonly window?: number;
  /**
   * Most records that wait while the window is full, 65,536 by default: more are a `DataError`. It matters
   * behind Observables that cannot be told to wait; `paced` and other stage operators can.
   */
  readonly queue?: number;
  /**
   * Hears of each record that could not be processed, and the others go on. Without it the first one is an
   * error of the Observable, a `RecordFailed`.
   */
  readonly onFailure?: (failure: Failure) => void;
}

/** A stage, opened. */
export interface Opened<T> {
  readonly operator: StageOperator<T>;
  /** Told what is emitted, and the number of the input after it. */
  readonly onEmitted?: (next: number, outputs: readonly Emission[]) => void;
  close?(): Promise<void>;
}

export interface PlainStage<I, K extends Topic> {
  readonly name: string;
  /** What its input is called in failures: the topic it would read. */
  readonly reads: Topic;
  /** The topic whose records it emits. */
  readonly writes: K;
  readonly window: number;
  /** Opens it, once per subscription; `signal` aborts when the subscription ends. */
  readonly open: (signal: AbortSignal) => Opened<I> | Promise<Opened<I>>;
}

/**
 * The stage as an operator. Each subscription opens it for itself, and closes it when it ends in whatever
 * way.
 */
export function plain<I, K extends Topic>(
  stage: PlainStage<I, K>,
  options: OperatorOptions,
): OperatorFunction<I, TopicRecords[K]> {
  return (source) =>
    new Paced<TopicRecords[K]>((subscriber, room) => {
      const work = new Work(stage, options, { subscriber, room });
      const subscription = (source instanceof Paced ? source.reading(work) : source).subscribe({
        next: (value) => work.take(value),
        error: (error: unknown) => work.fail(error),
        complete: () => work.complete(),
      });
      return () => {
        subscription.unsubscribe();
        work.end();
      };
    });
}

interface Reader<T> {
  readonly subscriber: Subscriber<T>;
  readonly room: Room;
}

/** One subscription's work. */
class Work<I, K extends Topic> implements Room {
  readonly #stage: PlainStage<I, K>;
  readonly #options: OperatorOptions;
  readonly #reader: Reader<TopicRecords[K]>;
  readonly #over = new AbortController();
  readonly #source = new Subject<Delivery<I>>();
  readonly #window: Window<Emission>;
  readonly #queue: I[] = [];
  readonly #room = new Changes();
  #opened: Opened<I> | null = null;
  #subscription: Subscription | null = null;
  #next = 0;
  #sourceDone = false;
  /** The stage was told that no more comes. */
  #drained = false;
  #stageDone = false;
  /** The reader has no room: nothing is taken up until it has. */
  #held = false;
  #moving = false;

  constructor(stage: PlainStage<I, K>, options: OperatorOptions, reader: Reader<TopicRecords[K]>) {
    this.#stage = stage;
    this.#options = options;
    this.#reader = reader;
    this.#window = new Window(options.window ?? stage.window);
    // One listener and more for each record in flight, which the window bounds.
    setMaxListeners(0, this.#over.signal);
    void this.#open();
  }

  take(value: I): void {
    const { queue = QUEUE } = this.#options;
    this.#queue.push(value);
    this.#move();
    if (this.#queue.length > queue) this.fail(overflow(this.#stage.name, queue));
  }

  complete(): void {
    this.#sourceDone = true;
    this.#move();
  }

  fail(error: unknown): void {
    this.#reader.subscriber.error(error);
  }

  /** Asked by what comes before: as many records may wait as are in flight. */
  wait(): Promise<void> | null {
    if (this.#queue.length < this.#window.size || this.#over.signal.aborted) return null;
    return this.#room.next();
  }

  /** The subscription is over: gives up what is in hand. */
  end(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort(new Error(`the subscription to ${this.#stage.name} has ended`));
    this.#subscription?.unsubscribe();
    this.#queue.length = 0;
    this.#room.wake();
    const opened = this.#opened;
    this.#opened = null;
    // What it holds was emitted or given up: there is nobody left to tell.
    void opened?.close?.().catch(() => {});
  }

  async #open(): Promise<void> {
    try {
      const opened = this.#stage.open(this.#over.signal);
      const ready = opened instanceof Promise ? await opened : opened;
      if (this.#over.signal.aborted) {
        await ready.close?.();
        return;
      }
      this.#opened = ready;
      this.#subscription = this.#source.pipe(ready.operator).subscribe({
        next: (finished) => this.#finish(finished),
        error: (error: unknown) => this.fail(error),
        complete: () => {
          this.#stageDone = true;
          this.#move();
        },
      });
      this.#move();
    } catch (error) {
      if (!this.#over.signal.aborted) this.fail(error);
    }
  }

  #finish({ offset, outputs }: Finished): void {
    if (offset === null) this.#window.append(outputs.map(asTopicsHold), 0);
    else this.#window.finish(offset, this.#checked(offset, outputs), 0);
    this.#move();
  }

  /** As in a run, an output that its schema does not allow is a failure of its input. */
  #checked(offset: number, outputs: readonly Emission[]): readonly Emission[] {
    try {
      return outputs.map(asTopicsHold);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      const at = { topic: this.#stage.reads, partition: 0, offset };
      return [failureOf(this.#stage.name, at, error, { record: outputs[0]?.value.id ?? null })];
    }
  }

  /**
   * Emits what is finished, in order, and takes up what there is room for; a stage may finish a record at
   * once.
   */
  #move(): void {
    if (this.#moving || this.#opened === null) return;
    this.#moving = true;
    try {
      while (!this.#over.signal.aborted && (this.#emit() || this.#deliver()));
    } catch (error) {
      this.fail(error);
    } finally {
      this.#moving = false;
    }
    this.#checkDone();
  }

  #emit(): boolean {
    const prefix = this.#window.prefix();
    if (prefix.slots === 0) return false;
    this.#window.drop(prefix);
    for (const output of prefix.outputs) {
      if (this.#over.signal.aborted) return true;
      this.#emitOne(output);
    }
    this.#opened?.onEmitted?.(prefix.next ?? 0, prefix.outputs);
    return true;
  }

  #emitOne({ topic, value }: Emission): void {
    const { onFailure } = this.#options;
    if (topic === this.#stage.writes) this.#reader.subscriber.next(value as TopicRecords[K]);
    else if (topic !== 'failures') throw new Error(`stage ${this.#stage.name} wrote to ${topic}`);
    else if (onFailure === undefined) this.fail(new RecordFailed(value as Failure));
    else onFailure(value as Failure);
  }

  #deliver(): boolean {
    if (this.#held || this.#queue.length === 0 || this.#window.credit === 0) return false;
    const room = this.#reader.room.wait();
    if (room !== null) {
      this.#held = true;
      void room.then(() => {
        this.#held = false;
        this.#move();
      });
      return false;
    }
    const value = this.#queue.shift() as I;
    const offset = this.#next++;
    this.#window.add(offset);
    const { signal } = this.#over;
    this.#source.next({ value, topic: this.#stage.reads, partition: 0, offset, signal });
    if (this.#queue.length < this.#window.size) this.#room.wake();
    return true;
  }

  #checkDone(): void {
    if (!this.#sourceDone || this.#queue.length > 0 || this.#over.signal.aborted) return;
    if (!this.#drained) {
      this.#drained = true;
      this.#source.complete();
    }
    if (!this.#stageDone) return;
    const { unfinished } = this.#window;
    if (unfinished > 0) {
      this.fail(new Error(`stage ${this.#stage.name} ended with ${unfinished} records unfinished`));
      return;
    }
    void this.#close();
  }

  /** What the stage has opened is closed before its reader hears of the end. */
  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    try {
      await opened?.close?.();
      this.#reader.subscriber.complete();
    } catch (error) {
      this.fail(error);
    }
  }
}

/**
 * The record in the form in which it would come out of its topic: checked, with what was left out filled in.
 */
function asTopicsHold(emission: Emission): Emission {
  const { topic, value } = emission;
  const { tree } = topicSchema(topic);
  return { ...emission, value: checkRecord(topic, tree, withDefaults(tree, value)) } as Emission;
}

function overflow(stage: string, queue: number): DataError {
  return new DataError(
    `more than ${queue} records wait for ${stage}, whose source cannot be told to wait. Begin with \`paced(iterable)\` in ` +
      'place of `from(iterable)`, leave nothing but stage operators in between, or allow a longer `queue`',
  );
}
