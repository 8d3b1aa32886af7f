/**
 * What a run says of its work while it goes on, to whoever shows, measures or guards it. Observers change
 * nothing: no record depends on them.
 */
import type { Update } from '../topics/records.generated.ts';
import type { AnyEmission } from './stage.ts';

/** A try that failed and is made again. */
export interface Retried {
  readonly stage: string;
  /** Which try failed, from 1, and how many there are at most. */
  readonly attempt: number;
  readonly attempts: number;
  /** Until the next one, in milliseconds. */
  readonly waitMs: number;
  readonly error: Error;
}

/** A record that a stage has finished and committed. */
export interface CommittedRecord {
  readonly stage: string;
  /** Null for outputs that belong to no record of the input. */
  readonly offset: number | null;
  /** The record; undefined where its bytes made none. */
  readonly value: unknown;
  readonly outputs: readonly AnyEmission[];
  /** When it came to the stage, and when it was finished: on the clock of the run, in milliseconds. */
  readonly startedMs: number;
  readonly finishedMs: number;
}

/** How far training is, after each batch. */
export interface TrainingProgress {
  /** Updates made, in all of the run. */
  readonly step: number;
  /** Which pass over the records it is, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Records of this pass that were trained on. */
  readonly taken: number;
  /** How many the pass has; null in the first, while records may still come. */
  readonly records: number | null;
  /** Records of `taken` that are not committed yet: their checkpoint is still to come. */
  readonly uncommitted: number;
  /** Records and updates since this process took the training up, and the milliseconds that the updates took. */
  readonly since: { readonly records: number; readonly updates: number; readonly ms: number };
}

/** Called in the order in which things happen; what is thrown stops the run. */
export interface RunObserver {
  onRetry?(retried: Retried): void;
  /** Of each partition of a stage in the order of its log. */
  onCommit?(committed: CommittedRecord): void;
  /** Before the update is durable: after a crash it is made, and told, again. */
  onUpdate?(update: Update): void;
  /** A batch without anything to train on makes no update. */
  onEmptyBatch?(): void;
  onTraining?(progress: TrainingProgress): void;
}

/** One that tells all of them. */
export function observers(all: readonly RunObserver[]): Required<RunObserver> {
  return {
    onRetry: (retried) => all.forEach((one) => void one.onRetry?.(retried)),
    onCommit: (committed) => all.forEach((one) => void one.onCommit?.(committed)),
    onUpdate: (update) => all.forEach((one) => void one.onUpdate?.(update)),
    onEmptyBatch: () => all.forEach((one) => void one.onEmptyBatch?.()),
    onTraining: (progress) => all.forEach((one) => void one.onTraining?.(progress)),
  };
}
