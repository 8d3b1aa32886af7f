/**
 * A stage of one's own over the stream of a partition: one operator sees every record in order, and may keep
 * what it likes of them. It must answer at once: what it gives while a record is handed to it belongs to that
 * record. Its state is in memory only: after a restart, and after it threw, it is made anew and shown what
 * came before, in silence.
 */
import { concatMap, EMPTY, from, Observable, of, Subject, type Subscription } from 'rxjs';
import { ConfigError, DataError, ModelError, type SwirlError } from '../errors.ts';
import { readGiven } from '../modules/call-module.ts';
import { messageOf } from '../modules/import-module.ts';
import { asModule } from '../modules/module-output.ts';
import { failureOf, idOf } from '../runtime/failure.ts';
import type { AnyEmission, Delivery, Finished, Stage, StageOperator } from '../runtime/stage.ts';
import type { History } from './history.ts';
import { emissionsOf, nameOf, type OutputRules } from './outputs.ts';
import { tooMany } from './over-record.ts';
import type { MadeOperator } from './own-part.ts';
import { streamOf } from './stream-of.ts';

export interface OverPartitionOptions extends OutputRules {
  /** Makes an operator without any state. */
  readonly make: () => Promise<MadeOperator>;
  /** Most outputs for one record. */
  readonly maxOutputs: number;
  /** How often its state may be built again because it threw. */
  readonly maxRebuilds: number;
  /** What came before an offset. */
  readonly history: (at: {
    readonly partition: number;
    readonly before: number;
    readonly signal: AbortSignal;
  }) => Promise<History>;
  readonly notify: (message: string) => void;
}

/** History that takes a while to read, in offsets: the user is told. */
const LONG_HISTORY = 10_000;

/** `startAt` builds the state, and must have returned before `operator` is called. */
export function overPartition(options: OverPartitionOptions): Required<Pick<Stage, 'startAt' | 'operator'>> {
  const open = new Map<number, PartitionState>();
  return {
    startAt: async ({ partition, committed, signal }) => {
      const state = new PartitionState(options, partition);
      await state.rebuild(committed, signal);
      open.set(partition, state);
      return committed;
    },
    operator: (partition) => {
      const state = open.get(partition);
      if (state === undefined) throw new Error('startAt must return before operator is called');
      return state.operator as StageOperator<never, AnyEmission>;
    },
  };
}

class PartitionState {
  readonly #options: OverPartitionOptions;
  readonly #partition: number;
  /** Offsets of records at which the operator threw: it is not shown them again. */
  readonly #thrown = new Set<number>();
  #live: Live | null = null;
  #isTold = false;
  #onFatal: (error: unknown) => void = () => {};

  constructor(options: OverPartitionOptions, partition: number) {
    this.#options = options;
    this.#partition = partition;
  }

  readonly operator: StageOperator<object, AnyEmission> = (source) =>
    new Observable((subscriber) => {
      this.#onFatal = (error) => subscriber.error(error);
      subscriber.add(() => void this.#live?.close());
      return source.pipe(concatMap((delivery) => this.#take(delivery))).subscribe(subscriber);
    });

  /** A new operator that has seen what came before the offset. */
  async rebuild(before: number, signal: AbortSignal): Promise<void> {
    const { history, make } = this.#options;
    const past = await history({ partition: this.#partition, before, signal });
    this.#tell(past, before);
    for (let whole = false; !whole; ) {
      await this.#live?.close();
      this.#live = new Live(await make(), { ...this.#options, onFatal: (error) => this.#onFatal(error) });
      whole = true;
      for await (const { offset, value } of past.records()) {
        if (this.#thrown.has(offset)) continue;
        const { error } = this.#live.take(value);
        if (error === null) continue;
        this.#remember(offset, error);
        whole = false;
        break;
      }
    }
    if (this.#live?.late) throw this.#live.late;
  }

  /** What the user should know of the history, once. */
  #tell({ from, isCut }: History, before: number): void {
    const { notify, stage } = this.#options;
    const place = `${stage}, partition ${this.#partition}`;
    if (this.#isTold) return;
    this.#isTold = isCut || before - from > LONG_HISTORY;
    if (isCut) notify(`${place}: what was before offset ${from} is gone, and its state is built without it`);
    else if (this.#isTold)
      notify(`${place}: up to ${before - from} records are read again, to build its state`);
  }

  #take(delivery: Delivery<object>): Observable<Finished<AnyEmission>> {
    const live = this.#live;
    if (live === null) throw new Error('the state was not built');
    const { outputs, error } = live.take(delivery.value);
    if (error !== null) return from(this.#failed(delivery, error)).pipe(concatMap((done) => done));
    try {
      const { offset, value } = delivery;
      const { where } = this.#options;
      const place = { where, about: nameOf(delivery), Fault: DataError };
      const emissions = readGiven(() => emissionsOf(outputs, delivery, this.#options), place);
      return of({ offset, outputs: emissions, record: idOf(value) });
    } catch (wrong) {
      if (!(wrong instanceof DataError)) throw wrong;
      return of(this.#failure(delivery, wrong));
    }
  }

  /** The record is a failure, and the operator goes on as if it had never come. */
  async #failed(delivery: Delivery<object>, error: unknown): Promise<Observable<Finished<AnyEmission>>> {
    const { offset, signal } = delivery;
    const { where } = this.#options;
    this.#remember(offset, error);
    const about = nameOf(delivery);
    const told =
      error instanceof TooMany
        ? new DataError(tooMany(this.#options, about))
        : new ModelError(`${where} failed for ${about}: ${messageOf(error)}`, { cause: error });
    try {
      await this.rebuild(offset, signal);
    } catch (failed) {
      if (signal.aborted) return EMPTY;
      throw failed;
    }
    return of(this.#failure(delivery, told));
  }

  #failure(delivery: Delivery<object>, error: SwirlError): Finished<AnyEmission> {
    const record = idOf(delivery.value);
    return {
      offset: delivery.offset,
      outputs: [failureOf(this.#options.stage, delivery, error, { record })],
    };
  }

  #remember(offset: number, error: unknown): void {
    const { maxRebuilds, where } = this.#options;
    this.#thrown.add(offset);
    if (this.#thrown.size <= maxRebuilds) return;
    throw new ConfigError(
      `${where} threw at ${this.#thrown.size} records of partition ${this.#partition}, and each time its state is built again ` +
        `(maxRebuilds is ${maxRebuilds}): catch the error in the operator, and use refuse() for records that it cannot take. ` +
        `The last: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** More outputs than a record may have. */
class TooMany extends Error {}

interface LiveOptions extends Pick<OverPartitionOptions, 'where' | 'maxOutputs' | 'notify'> {
  readonly onFatal: (error: unknown) => void;
}

/** An operator at work, and what it has seen. */
class Live {
  readonly #source = new Subject<never>();
  readonly #subscription: Subscription;
  readonly #options: LiveOptions;
  readonly #made: MadeOperator;
  /** Null while no record is being handed over. */
  #outputs: unknown[] | null = null;
  #error: { readonly error: unknown } | null = null;
  /** What it gave, or did, when nobody asked. */
  late: ConfigError | null = null;

  constructor(made: MadeOperator, options: LiveOptions) {
    this.#options = options;
    this.#made = made;
    this.#subscription = this.#open().subscribe({
      next: (output: unknown) => this.#give(output),
      error: (error: unknown) => this.#fail(error),
      complete: () => this.#tellEnd(),
    });
  }

  #open(): Observable<unknown> {
    try {
      return asModule(() => streamOf(this.#made.operator(this.#source)));
    } catch (error) {
      throw new ConfigError(`${this.#options.where} gave no operator: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Operators such as `take` end the stream: whoever waits for outputs should know why none come. */
  #tellEnd(): void {
    const { notify, where } = this.#options;
    notify(`${where} completed its stream: it gives nothing for the records that come after`);
  }

  /** Hands it a record; its outputs, or what it threw. */
  take(value: object): { readonly outputs: readonly unknown[]; readonly error: unknown } {
    const outputs: unknown[] = [];
    this.#outputs = outputs;
    try {
      asModule(() => this.#source.next(value as never));
    } finally {
      this.#outputs = null;
    }
    return this.#error === null ? { outputs, error: null } : { outputs: [], error: this.#error.error };
  }

  async close(): Promise<void> {
    this.#subscription.unsubscribe();
    try {
      await this.#made.close();
    } catch (error) {
      this.#options.notify(`${this.#options.where} could not be closed: ${messageOf(error)}`);
    }
  }

  #give(output: unknown): void {
    if (this.#outputs === null) {
      this.#beLate('gave a record');
    } else if (this.#outputs.push(output) > this.#options.maxOutputs) {
      // It may be giving them without an end.
      this.#fail(new TooMany());
      this.#subscription.unsubscribe();
    }
  }

  #fail(error: unknown): void {
    if (this.#outputs === null) this.#beLate(`ended with an error (${messageOf(error)})`);
    else this.#error ??= { error: error ?? new Error('it threw nothing') };
  }

  #beLate(what: string): void {
    this.late ??= new ConfigError(
      `${this.#options.where} ${what} while no record was handed to it: an operator over a partition answers at once, ` +
        'without timers or promises. One that waits works on single records (over: record)',
    );
    this.#options.onFatal(this.late);
  }
}
