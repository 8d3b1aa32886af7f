/** The reward `constant`: the same for every action. With 1 it makes training supervised fine-tuning. */
import { z } from 'zod';
import type { RewardModel } from '../agent/model.ts';
import { kind } from '../parts/kind.ts';

export const constantRewardConfig = z.strictObject({
  value: z.number().default(1).describe('The reward of every action.'),
});
export type ConstantRewardConfig = z.output<typeof constantRewardConfig>;

export function constantReward({ value }: ConstantRewardConfig): RewardModel {
  const name = 'constant';
  return { name, score: async () => ({ value, rationale: '', model: name, votes: [] }) };
}

export const constantRewardKind = kind({
  name: 'constant',
  about: 'The same for every action; 1 is supervised fine-tuning.',
  settings: constantRewardConfig,
  make: async (config) => constantReward(config),
});
