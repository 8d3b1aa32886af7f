/** The stage `decompose`: a trajectory of k actions becomes its k sub-trajectories (arXiv 2504.04736). */

import type { Sleep } from '../clock.ts';
import { DataError } from '../errors.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import { firstStep } from '../topics/record-names.ts';
import type { SubTrajectory, Trajectory } from '../topics/records.generated.ts';

export interface DecomposeDeps {
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/** Emits the sub-trajectories adjacent and in order. A trajectory without actions is a failure. */
export function decompose({ retry, sleep }: DecomposeDeps): StageOperator<Trajectory> {
  const parts = async (trajectory: Trajectory): Promise<Emission[]> =>
    subTrajectories(trajectory).map((value) => ({ topic: 'sub-trajectories', key: trajectory.id, value }));
  return perRecord(parts, { stage: 'decompose', retry, sleep });
}

/**
 * The k sub-trajectories of a trajectory with k actions: each action with the steps before it. Observations
 * are context, never actions. Of a trajectory that began again at a recorded context those from there on. Throws `DataError` when there is no action.
 */
export function subTrajectories({ id, question, steps }: Trajectory): SubTrajectory[] {
  if (steps.length === 0) throw new DataError(`trajectory ${id} has no actions: expected at least one`);
  const all = steps.map(({ action }, index) => ({
    id: `${id}/${index}`,
    trajectory: id,
    index,
    count: steps.length,
    question,
    context: steps.slice(0, index),
    action,
  }));
  // What a trajectory took over from another is that one's.
  return all.slice(firstStep(id));
}
