/** The stage `reward` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { RewardModel } from '../../agent/model.ts';
import { type GivenPart, isGiven, openGivenPart, split } from '../../modules/given-part.ts';
import { givenReward, rewardOf } from '../../modules/module-reward.ts';
import type { Own } from '../../open-parts.ts';
import type { Accepted, Scored } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import { checked } from './checked.ts';
import type { JudgeOptions } from './judge.ts';
import { oneStage, wiringOf } from './one-stage.ts';
import { toolsOf } from './tools-of.ts';

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
  const { tools, seed = 0 } = options;
  const { settings, own } = toolsOf(tools);
  const [written, made] = 'kind' in reward ? [{ reward }, undefined] : [{}, ownReward(reward)];
  const topology = { seed, tools: settings, ...written, stages: { reward: wiringOf(options) } };
  return oneStage('reward', topology, { ...options, own: { reward: made, tools: own } });
}

/** Throws a `ConfigError` where what is said beside it is wrong. */
function ownReward(reward: RewardModel | GivenPart<'reward'>): Own<RewardModel> {
  if (!isGiven<'reward'>(reward)) return reward;
  const { module, settings, ...rest } = split(reward);
  const config = checked('reward', givenReward, rest);
  const part = { module, ...(settings && { settings }) };
  return async (context) => rewardOf(await openGivenPart('reward', part, context), config);
}
