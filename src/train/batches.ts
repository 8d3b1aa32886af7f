/**
 * Cuts the scored stream into batches, as a pure function of the log's order: not of time, of window sizes or
 * of how often the run was killed.
 *
 * Adjacent steps of one trajectory form a group; it ends with the trajectory's last step, or where another
 * trajectory begins (a step may be missing: a reward model that failed gives none). A batch ends with the
 * group that fills it; in batches of one sub-trajectory every step is a group. Fresh actions at one context are
 * never parted: they are a group, which ends where the next context begins; in batches of trajectories so are
 * all of a trajectory. Ids used recently are dropped;
 * a batch that has dropped very many ends early, so that a topic full of duplicates cannot fill the window.
 */
import type { Delivery } from '../runtime/stage.ts';
import type { Scored, SubTrajectory } from '../topics/records.generated.ts';
import type { TrainConfig } from './config.ts';
import { contextOf, isFresh } from './contexts.ts';
import type { PackedGroup, Refused, Row } from './packing.ts';
import type { RecentIds } from './recent-ids.ts';

/** A step that was not trained on, and where it came from. */
interface RefusedDelivery extends Refused {
  readonly delivery: Delivery<Scored>;
}

/** What one update is made of; without rows where everything in it was dropped or refused. */
export interface Batch {
  /** The first delivery, inclusive. */
  readonly fromOffset: number;
  /** Behind the last delivery: where to go on after this batch. */
  readonly toOffset: number;
  /** How many trajectories have a row. */
  readonly trajectories: number;
  readonly rows: readonly Row[];
  readonly refused: readonly RefusedDelivery[];
  /** How many deliveries there were, and how many of them were dropped as used before. */
  readonly deliveries: number;
  readonly duplicates: number;
  /** The ids used up to `toOffset`, oldest first. */
  readonly recentIds: readonly string[];
}

export interface BatcherOptions {
  readonly batch: TrainConfig['batch'];
  readonly maxDropped: number;
  /** Ids used before the first delivery; the batcher adds to it. */
  readonly recent: RecentIds;
  /** Turns the steps of one trajectory into rows. */
  readonly pack: (steps: readonly Scored[]) => PackedGroup;
}

export class Batcher {
  readonly #options: BatcherOptions;
  #group: Delivery<Scored>[] = [];
  #open: OpenBatch | null = null;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Takes the next delivery; returns the batches (none, one or two) that it completes. */
  push(delivery: Delivery<Scored>): Batch[] {
    const { recent } = this.#options;
    const { id, subTrajectory } = delivery.value;
    const full: Batch[] = [];
    if (recent.has(id)) {
      const open = this.#extend(delivery);
      open.duplicates++;
      if (open.duplicates + open.refused.length < this.#options.maxDropped) return full;
      this.#closeGroup();
      return [this.#cut(delivery.offset + 1)];
    }
    const [first] = this.#group;
    if (first && !this.#isOneGroup(first.value.subTrajectory, subTrajectory)) {
      this.#closeGroup();
      if (this.#isFull()) full.push(this.#cut(delivery.offset));
    }
    this.#extend(delivery);
    this.#group.push(delivery);
    recent.add(id);
    const isLast = this.#apart || subTrajectory.index === subTrajectory.count - 1;
    if (isLast && !isFresh(subTrajectory)) {
      this.#closeGroup();
      if (this.#isFull()) full.push(this.#cut(delivery.offset + 1));
    }
    return full;
  }

  /** Whether every step is a batch of its own. */
  get #apart(): boolean {
    const { batch } = this.#options;
    return 'subTrajectories' in batch && batch.subTrajectories === 1;
  }

  #isOneGroup(first: SubTrajectory, next: SubTrajectory): boolean {
    if (first.trajectory !== next.trajectory) return false;
    if ('trajectories' in this.#options.batch || !(isFresh(first) || isFresh(next))) return true;
    return contextOf(first) === contextOf(next);
  }

  /** The last, partial batch of a drained input; null when there is nothing since the last cut. */
  flush(): Batch | null {
    this.#closeGroup();
    return this.#open === null ? null : this.#cut(this.#open.lastOffset + 1);
  }

  #extend({ offset }: Delivery<Scored>): OpenBatch {
    this.#open ??= {
      fromOffset: offset,
      lastOffset: offset,
      deliveries: 0,
      trajectories: 0,
      newest: null,
      subTrajectories: 0,
      rows: [],
      refused: [],
      duplicates: 0,
    };
    this.#open.lastOffset = offset;
    this.#open.deliveries++;
    return this.#open;
  }

  #closeGroup(): void {
    const group = this.#group;
    this.#group = [];
    const open = this.#open;
    if (open === null || group.length === 0) return;
    const { rows, refused } = this.#options.pack(group.map(({ value }) => value));
    open.rows.push(...rows);
    for (const refusal of refused) {
      const delivery = group.find(({ value }) => value.id === refusal.id);
      if (delivery) open.refused.push({ ...refusal, delivery });
    }
    const first = group[0]?.value.subTrajectory;
    // The contexts of a trajectory follow each other.
    const isCounted = first !== undefined && isFresh(first) && open.newest === first.trajectory;
    if (rows.length > 0 && !isCounted) {
      open.trajectories++;
      open.newest = first?.trajectory ?? null;
    }
    open.subTrajectories += rows.reduce((sum, row) => sum + row.steps.length, 0);
  }

  #isFull(): boolean {
    const { batch, maxDropped } = this.#options;
    if (this.#open === null) return false;
    if (this.#open.duplicates + this.#open.refused.length >= maxDropped) return true;
    return 'trajectories' in batch
      ? this.#open.trajectories >= batch.trajectories
      : this.#open.subTrajectories >= batch.subTrajectories;
  }

  #cut(toOffset: number): Batch {
    if (this.#open === null) throw new Error('a batch was cut before it began');
    const { lastOffset: _, subTrajectories: __, newest: ___, ...batch } = this.#open;
    this.#open = null;
    return { ...batch, toOffset, recentIds: this.#options.recent.list() };
  }
}

interface OpenBatch {
  readonly fromOffset: number;
  lastOffset: number;
  deliveries: number;
  trajectories: number;
  /** The last that was counted. */
  newest: string | null;
  subTrajectories: number;
  readonly rows: Row[];
  readonly refused: RefusedDelivery[];
  duplicates: number;
}
