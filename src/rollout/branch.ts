/** The stage `branch`: rollouts that begin again at recorded contexts, just before the step that was recorded there. */
import type { Task } from '../agent/model.ts';
import { taskOf } from '../agent/turn.ts';
import type { Sleep } from '../clock.ts';
import { DataError } from '../errors.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import { begunAt, branchName } from '../topics/record-names.ts';
import type { SubTrajectory, Turn } from '../topics/records.generated.ts';
import type { BranchConfig } from './config.ts';

export interface BranchDeps {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/**
 * Each recorded step gives `rollouts` turns with the history before it: of `q17/2/3` the trajectories `q17/2~3.0`,
 * `q17/2~3.1` and so on. What was done there is left behind. A step of an unknown task is a failure.
 */
export function branch(
  { rollouts }: Pick<BranchConfig, 'rollouts'>,
  { tasks, retry, sleep }: BranchDeps,
): StageOperator<SubTrajectory> {
  const turnsOf = async ({
    id,
    trajectory,
    index,
    question,
    context,
  }: SubTrajectory): Promise<Emission[]> => {
    taskOf({ id, question }, tasks);
    if (context.length !== index)
      throw new DataError(`${id}: expected the ${index} steps before it, found ${context.length}`);
    return Array.from({ length: rollouts }, (_, branch) => {
      const name = branchName({ trajectory, index }, branch);
      const turn: Turn = { id: `${name}/${index}`, trajectory: name, question, steps: context };
      return { topic: 'turns', key: name, value: turn };
    });
  };
  return perRecord(turnsOf, { stage: 'branch', retry, sleep });
}

/** Whether a turn is the first of a trajectory that began again. */
export function isBranch({ trajectory, steps }: Pick<Turn, 'trajectory' | 'steps'>): boolean {
  return begunAt(trajectory)?.index === steps.length;
}
