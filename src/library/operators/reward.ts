/** The stage `reward` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { RewardModel } from '../../agent/model.ts';
import type { Accepted, Scored } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import type { JudgeOptions } from './judge.ts';
import { oneStage, wiringOf } from './one-stage.ts';
import { toolsOf } from './tools-of.ts';

/** A reward model's settings as under `reward:` in a topology, or a reward model of one's own. */
export type RewardChoice = NonNullable<TopologySettings['reward']> | RewardModel;

/**
 * Every accepted step gets a number. A reward model that failed gives none, never 0: the step is a failure.
 *
 * @example
 * accepted.pipe(reward({ kind: 'verdict', good: 1, bad: -1 }));
 */
export function reward(reward: RewardChoice, options: JudgeOptions = {}): OperatorFunction<Accepted, Scored> {
  const { tools, seed = 0 } = options;
  const { settings, own } = toolsOf(tools);
  const made = 'score' in reward ? reward : undefined;
  const config = 'kind' in reward ? reward : undefined;
  const topology = { seed, tools: settings, stages: { reward: wiringOf(options) } };
  return oneStage('reward', config === undefined ? topology : { ...topology, reward: config }, {
    ...options,
    own: { reward: made, tools: own },
  });
}
