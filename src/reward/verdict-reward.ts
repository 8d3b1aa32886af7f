/** The reward `verdict`: a number for each verdict of the process judge. */
import { z } from 'zod';
import type { RewardModel } from '../agent/model.ts';
import { ModelError } from '../errors.ts';
import { kind } from '../parts/kind.ts';
import type { Reward, Verdict } from '../topics/records.generated.ts';

export const verdictRewardConfig = z.strictObject({
  good: z.number().default(1).describe('The reward of an action that was judged GOOD.'),
  bad: z.number().default(0).describe('The reward of an action that was judged BAD.'),
  unknown: z
    .number()
    .nullable()
    .default(null)
    .describe('The reward of an action whose verdict is UNKNOWN; null: it gets none and becomes a failure.'),
});
export type VerdictRewardConfig = z.output<typeof verdictRewardConfig>;

export function verdictReward(config: VerdictRewardConfig): RewardModel {
  const name = 'verdict';
  return { name, score: async ({ verdict }) => rewardFor(verdict, { config, model: name }) };
}

/** The reward of a verdict. Throws `ModelError` for UNKNOWN, unless the configuration has a number for it. */
export function rewardFor(
  verdict: Verdict,
  { config, model }: { readonly config: VerdictRewardConfig; readonly model: string },
): Reward {
  const value = { GOOD: config.good, BAD: config.bad, UNKNOWN: config.unknown }[verdict.label];
  if (value === null) {
    throw new ModelError(
      `${model}: expected a verdict GOOD or BAD, found UNKNOWN by ${verdict.judge}: ${verdict.rationale}`,
    );
  }
  return { value, rationale: verdict.rationale, model, votes: [] };
}

export const verdictRewardKind = kind({
  name: 'verdict',
  about: 'A number for each verdict of the process judge.',
  settings: verdictRewardConfig,
  make: async (config) => verdictReward(config),
});
