/** The stage `reward`: every accepted step gets a number. */

import type { RewardModel } from '../agent/model.ts';
import type { Sleep } from '../clock.ts';
import { ModelError } from '../errors.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import type { Accepted } from '../topics/records.generated.ts';

export interface RewardDeps {
  readonly model: RewardModel;
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/** A reward model that failed gives no reward, never 0: the step becomes a failure. */
export function reward({ model, retry, sleep }: RewardDeps): StageOperator<Accepted> {
  const score = async (
    { id, subTrajectory, verdict }: Accepted,
    signal: AbortSignal,
  ): Promise<Emission[]> => {
    const value = await model.score({ subTrajectory, verdict }, { signal });
    if (!Number.isFinite(value.value)) {
      throw new ModelError(`${model.name} gave ${id} the reward ${value.value}: expected a finite number`);
    }
    return [
      {
        topic: 'scored',
        key: subTrajectory.trajectory,
        value: { id, subTrajectory, verdict, reward: value },
      },
    ];
  };
  return perRecord(score, { stage: 'reward', retry, sleep });
}
