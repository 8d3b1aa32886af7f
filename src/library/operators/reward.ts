/** The stage `reward` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { RewardModel } from '../../agent/model.ts';
import type { GivenPart } from '../../modules/given-part.ts';
import { rewardOf } from '../../modules/module-reward.ts';
import type { Accepted, Scored } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import { type JudgeOptions, reviewer } from './reviewer.ts';

/**
 * A reward model's settings as under `reward:` in a topology, or a reward model of one's own: made, a
 * function, what `defineReward` gives, or either of these with settings.
 */
export type RewardChoice = NonNullable<TopologySettings['reward']> | RewardModel | GivenPart<'reward'>;

/**
 * Every accepted step gets a number. A reward model that failed gives none, never 0: the step is a failure.
 *
 * @example
 * accepted.pipe(reward({ kind: 'verdict', good: 1, bad: -1 }));
 */
export function reward(reward: RewardChoice, options: JudgeOptions = {}): OperatorFunction<Accepted, Scored> {
  return reviewer('reward', reward, options, rewardOf);
}
