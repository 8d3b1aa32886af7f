/** The reward `judge`: what the topology's judge says of an action, which it is asked for here. */
import type { Judge, RewardModel } from '../agent/model.ts';
import { kind } from '../parts/kind.ts';
import { rewardFor, type VerdictRewardConfig, verdictRewardConfig } from './verdict-reward.ts';

/** Takes the judge as an argument, as stages do not import each other. */
export function judgeReward(config: VerdictRewardConfig, { judge }: { readonly judge: Judge }): RewardModel {
  const name = 'judge';
  return {
    name,
    async score({ subTrajectory }, options) {
      const verdict = await judge.judge(subTrajectory, options);
      const reward = rewardFor(verdict, { config, model: `${name} ${judge.name}` });
      return { ...reward, ...(verdict.by && { by: verdict.by }) };
    },
  };
}

export const judgeRewardKind = kind({
  name: 'judge',
  about:
    "A number for what the topology's judge says of an action, asked again: for actions without a verdict.",
  settings: verdictRewardConfig,
  make: async (config, { judge }: { readonly judge: () => Promise<Judge> }) =>
    judgeReward(config, { judge: await judge() }),
});
