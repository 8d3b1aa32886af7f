/** The reward `rules`: what the rules judge says of an action, whoever judged it before. */
import type { Judge, RewardModel } from '../agent/model.ts';
import { kind } from '../parts/kind.ts';
import type { VerdictRewardConfig } from './verdict-reward.ts';
import { rewardFor, verdictRewardConfig } from './verdict-reward.ts';

export const rulesRewardConfig = verdictRewardConfig;
export type RulesRewardConfig = VerdictRewardConfig;

/** Takes the rules judge as an argument, as stages do not import each other. */
export function rulesReward(config: RulesRewardConfig, { rules }: { readonly rules: Judge }): RewardModel {
  const name = 'rules';
  return {
    name,
    async score({ subTrajectory }, options) {
      return rewardFor(await rules.judge(subTrajectory, options), { config, model: name });
    },
  };
}

export const rulesRewardKind = kind({
  name: 'rules',
  about: 'A number for what the rules say of an action, whoever judged it.',
  settings: rulesRewardConfig,
  make: async (config, { rules }: { readonly rules: () => Promise<Judge> }) =>
    rulesReward(config, { rules: await rules() }),
});
