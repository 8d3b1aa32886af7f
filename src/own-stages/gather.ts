/** An operator for authors of stages: the steps of a trajectory together, as `filter` takes them. */

import { concatMap, defer, type OperatorFunction } from 'rxjs';
import { firstStep } from '../topics/record-names.ts';

/**
 * A record that is, or holds, a step of a trajectory: of `sub-trajectories`, `judged`, `accepted` or
 * `scored`.
 */
export type StepRecord = StepPlace | { readonly subTrajectory: StepPlace };

interface StepPlace {
  readonly trajectory: string;
  readonly index: number;
  readonly count: number;
}

/** Steps of one trajectory. */
export interface Gathered<T> {
  readonly trajectory: string;
  /** In the order of the trajectory. */
  readonly steps: readonly T[];
  /** Whether all of them are there; not, where they had to make room. */
  readonly complete: boolean;
}

export interface GatherOptions {
  /**
   * Most steps that are kept: the oldest incomplete trajectory makes room. It should hold many trajectories.
   */
  readonly maxSteps: number;
}

/**
 * Gathers the steps of trajectories, for stages over a partition. A trajectory is given with its last step;
 * one that had to make room before it was complete is given as it is. A step that is there already is left
 * out: a place in a trajectory is taken once.
 *
 * @example
 * (judged$: Observable<Judged>) => judged$.pipe(
 *   gather({ maxSteps: 10_000 }),
 *   filter(({ steps }) => steps.length > 2),
 *   mergeMap(({ steps }) => steps),
 * )
 */
export function gather<T extends StepRecord>({ maxSteps }: GatherOptions): OperatorFunction<T, Gathered<T>> {
  return (source) =>
    defer(() => {
      const gatherer = new Gatherer<T>(maxSteps);
      return source.pipe(concatMap((record) => gatherer.take(record)));
    });
}

class Gatherer<T extends StepRecord> {
  readonly #open = new Map<string, Map<number, T>>();
  readonly #maxSteps: number;
  #held = 0;

  constructor(maxSteps: number) {
    this.#maxSteps = maxSteps;
  }

  take(record: T): Gathered<T>[] {
    const { trajectory, index, count } = 'subTrajectory' in record ? record.subTrajectory : record;
    const steps = this.#open.get(trajectory) ?? new Map<number, T>();
    if (steps.has(index)) return [];
    this.#open.set(trajectory, steps.set(index, record));
    this.#held++;
    const given = steps.size === count - firstStep(trajectory) ? [this.#give(trajectory, steps, true)] : [];
    while (this.#held > this.#maxSteps) {
      const [oldest] = this.#open;
      if (oldest === undefined) break;
      given.push(this.#give(...oldest, false));
    }
    return given;
  }

  #give(trajectory: string, steps: ReadonlyMap<number, T>, complete: boolean): Gathered<T> {
    this.#open.delete(trajectory);
    this.#held -= steps.size;
    const inOrder = [...steps].sort(([a], [b]) => a - b).map(([, step]) => step);
    return { trajectory, steps: inOrder, complete };
  }
}
