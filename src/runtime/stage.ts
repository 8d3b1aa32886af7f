/**
 * What a stage is to the runtime: an RxJS operator from deliveries to finished deliveries, one
 * subscription per input partition.
 */
import type { OperatorFunction } from 'rxjs';
import type { RecordOf } from '../topics/record-of.ts';
import type { Topic } from '../topics/records.generated.ts';

/** A decoded record on its way through a stage. */
export interface Delivery<T> {
  readonly value: T;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Aborts when the run stops at once or the partition is lost: give up what is in hand. */
  readonly signal: AbortSignal;
}

/** A record to append to a topic of the run, which may be one that the topology adds. */
export interface AnyEmission<K extends string = string> {
  readonly topic: K;
  readonly key: string;
  readonly value: RecordOf<K>;
}

/** A record to append to one of Swirl's topics. */
export type Emission = { [K in Topic]: AnyEmission<K> }[Topic];

/**
 * What a stage says when it has finished with a delivery: its outputs are committed together with the
 * progress past it, once every earlier delivery of the partition is finished too.
 */
export interface Finished<E extends AnyEmission = Emission> {
  /** The finished delivery's offset; null for outputs that belong to none (a flush at the end). */
  readonly offset: number | null;
  readonly outputs: readonly E[];
  /**
   * The finished record's id, for a failure where an output cannot be written; by default that of the first
   * output.
   */
  readonly record?: string | null;
  /**
   * The delivery is not finished and will not be in this run, which is being stopped for it (a budget is spent): it
   * stays uncommitted, and nobody waits for it.
   */
  readonly held?: boolean;
}

export type StageOperator<T, E extends AnyEmission = Emission> = OperatorFunction<Delivery<T>, Finished<E>>;

/** A partition that a stage takes up. */
interface TakenPartition {
  readonly partition: number;
  /** Its progress. */
  readonly committed: number;
  /** Aborts when the run stops at once or the partition is lost. */
  readonly signal: AbortSignal;
}

/** How much a stage may take up, where that depends on what became of its outputs. */
export interface StageRoom {
  /** How many further records it may take up now; 0: it is asked again a little later. */
  left(): Promise<number>;
  /** So many were taken up. */
  take(count: number): void;
}

/** A stage as the pipeline hands it to the runtime. */
export interface Stage {
  readonly name: string;
  readonly reads: string;
  /** Read the input topic of this other run (a replay). */
  readonly readsRun?: string;
  readonly writes: readonly string[];
  /** Most deliveries in flight per partition: pulled, not yet committed. */
  readonly window: number;
  /** Bounds what is pulled, besides the window (resample: the training that it follows). */
  readonly room?: StageRoom | undefined;
  /** Makes the operator for one partition: one that takes the records of the topic that is read. */
  readonly operator: (partition: number) => StageOperator<never, AnyEmission>;
  /**
   * Whether the stage may keep a delivery unfinished until later ones arrive (filter: a trajectory's other
   * steps; train: the rest of a batch). When its input is drained the source completes, and the
   * stage finishes what it holds; when the run is stopped the source is unsubscribed from instead.
   */
  readonly holds?: boolean;
  /**
   * Whether its work may go on when its progress already shows all of its input consumed (train: further
   * passes). A worker without a partition then waits as a standby until the one that has it is done.
   */
  readonly outlasts?: boolean;
  /** Whether a record of a topic that others write too is this stage's; absent where none tells. */
  readonly isOwn?: (record: object) => boolean;
  /**
   * Called before the operator is made; where to start reading, instead of the committed offset (train: its
   * checkpoint's offset).
   */
  readonly startAt?: (taken: TakenPartition) => Promise<number>;
}
