/** The generative reward model (arXiv 2504.04736): a language model explains, and then gives a number. */
import { z } from 'zod';
import type { LanguageModel, RewardModel } from '../agent/model.ts';
import { askingWith, type PromptPlaces } from '../agent/own-prompt.ts';
import { reviewConfig, reviewSections } from '../agent/prompt.ts';
import { jsonReplies, reviews, type Vote } from '../agent/review.ts';
import { ConfigError, ModelError } from '../errors.ts';
import { judgingLocalConfig, judgingOpenaiConfig, type OnLanguageModel } from '../models/language-models.ts';
import { kind } from '../parts/kind.ts';
import { readReward } from './read-reward.ts';

export { readReward } from './read-reward.ts';

/** Settings beside those of the language model. */
export const modelRewardConfig = z.strictObject({
  min: z.number().default(0).describe('The reward of a message of no use.'),
  max: z.number().default(1).describe('The reward of the best message.'),
  ...reviewConfig.shape,
});
export type ModelRewardConfig = z.output<typeof modelRewardConfig>;

/** The places of a reward model's prompt. */
const rewardPlaces: PromptPlaces = {
  needed: ['question', 'conversation', 'message'],
  advised: ['code', 'min', 'max'],
  ending: 'REWARD:',
};

const REWARD_JSON = {
  name: 'reward',
  schema: {
    type: 'object',
    properties: { explanation: { type: 'string' }, reward: { type: 'number' } },
    required: ['explanation', 'reward'],
    additionalProperties: false,
  },
};

export interface ModelRewardDeps {
  readonly model: LanguageModel;
  /** Whether it is asked for JSON by a schema. */
  readonly json?: boolean;
}

/**
 * Sees question, context and action, neither gold answer nor verdict. A reply without one clear number in
 * range is a `ModelError` that is not retried; so no action is ever scored by a default. Of several votes the
 * mean counts, if more than half of them have a number. Throws `ConfigError` for an empty range.
 */
export function modelReward(
  config: ModelRewardConfig,
  { model, json = false }: ModelRewardDeps,
): RewardModel {
  const { min, max, maxPromptChars } = config;
  if (min >= max) throw new ConfigError(`reward.min, ${min}, must be below reward.max, ${max}`);
  const { fill, by } = askingWith(config.prompt, 'reward', rewardPlaces);
  const expected = `expected a last line REWARD: N with a number from ${min} to ${max}`;
  const reader = {
    read: (reply: string, options: Parameters<typeof readReward>[2]) =>
      readReward(reply, { min, max }, options),
    problem: `${expected}, and no other, found`,
  };
  return {
    name: model.name,
    async score({ subTrajectory: { id, question, context, action } }, { signal }) {
      const fenced = reviewSections({ question, steps: context, action }, maxPromptChars);
      const review = {
        ...config,
        id: `reward/${id}`,
        prompt: fill({ plain: { min, max }, fenced }),
        json: json ? REWARD_JSON : null,
      };
      const votes = await reviews(review, { model, reader, signal });
      const mean = meanOf(votes);
      if (mean === null) {
        const [first] = votes.filter(({ value }) => value === null);
        const many = votes.length === 1 ? '' : `${votes.length} votes without a majority of numbers: `;
        throw new ModelError(`${model.name}: ${many}${first?.rationale ?? ''}`);
      }
      const rationale = votes.find(({ value }) => value !== null)?.rationale ?? '';
      return { value: mean, rationale, model: model.name, votes: votes.length === 1 ? [] : votes, by };
    },
  };
}

/** The mean of the votes that have a number, if more than half of them have; null otherwise. */
function meanOf(votes: readonly Vote<number>[]): number | null {
  const values = votes.flatMap(({ value }) => value ?? []);
  if (2 * values.length <= votes.length) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export const openaiReward = kind({
  name: 'openai',
  about: 'A model behind an endpoint scores each step.',
  settings: judgingOpenaiConfig.extend({ ...modelRewardConfig.shape, json: jsonReplies }),
  files: ['prompt'],
  prompt: rewardPlaces,
  make: async (config, { languageModel }: OnLanguageModel) =>
    modelReward(config, { model: await languageModel(config), json: config.json }),
});

export const localReward = kind({
  name: 'local',
  about: 'A model that runs here scores each step.',
  settings: judgingLocalConfig.extend(modelRewardConfig.shape),
  files: ['checkpoint', 'prompt'],
  prompt: rewardPlaces,
  make: async (config, { languageModel }: OnLanguageModel) =>
    modelReward(config, { model: await languageModel(config) }),
});
