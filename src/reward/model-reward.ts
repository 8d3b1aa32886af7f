/** The generative reward model (arXiv 2504.04736): a language model explains, and then gives a number. */
import { z } from 'zod';
import { cutMiddle } from '../agent/cut-text.ts';
import { finalLine } from '../agent/final-line.ts';
import type { LanguageModel, RewardModel } from '../agent/model.ts';
import { askingWith, type PromptPlaces } from '../agent/own-prompt.ts';
import { reviewConfig, reviewSections } from '../agent/prompt.ts';
import { ConfigError, ModelError } from '../errors.ts';
import { judgingLocalConfig, judgingOpenaiConfig, type OnLanguageModel } from '../models/language-models.ts';
import { kind } from '../parts/kind.ts';

/** Settings beside those of the language model. */
export const modelRewardConfig = z.strictObject({
  min: z.number().default(0).describe('The reward of a message of no use.'),
  max: z.number().default(1).describe('The reward of the best message.'),
  ...reviewConfig.shape,
});
export type ModelRewardConfig = z.output<typeof modelRewardConfig>;

/** The places of a reward model's prompt. */
export const rewardPlaces: PromptPlaces = {
  needed: ['question', 'conversation', 'message'],
  advised: ['code', 'min', 'max'],
  ending: 'REWARD:',
};

/**
 * Sees question, context and action, neither gold answer nor verdict. A reply that does not end with a number
 * in range is a `ModelError` that is not retried; so no action is ever scored by a default. Throws
 * `ConfigError` for an empty range.
 */
export function modelReward(
  config: ModelRewardConfig,
  { model }: { readonly model: LanguageModel },
): RewardModel {
  const { min, max, maxPromptChars, maxRationaleChars } = config;
  if (min >= max) throw new ConfigError(`reward.min, ${min}, must be below reward.max, ${max}`);
  const { fill, by } = askingWith(config.prompt, 'reward', rewardPlaces);
  return {
    name: model.name,
    async score({ subTrajectory: { id, question, context, action } }, { signal }) {
      const content = fill({
        plain: { min, max },
        fenced: reviewSections({ question, steps: context, action }, maxPromptChars),
      });
      const reply = await model.complete({
        messages: [{ role: 'user', content }],
        id: `reward/${id}`,
        signal,
      });
      const rationale = cutMiddle(reply.text.trim(), maxRationaleChars);
      const value = readReward(reply.text);
      if (value === null || value < min || value > max) {
        const found = value === null ? JSON.stringify(rationale) : String(value);
        throw new ModelError(
          `${model.name}: expected a last line REWARD: N with a number from ${min} to ${max}, found ${found}`,
        );
      }
      return { value, rationale, model: model.name, votes: [], by };
    },
  };
}

/** The number at the end of a reply; null where there is none. */
export function readReward(reply: string): number | null {
  const said = finalLine(reply, 'reward');
  return /^[-+]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})$/.test(said) ? Number(said) : null;
}

export const openaiReward = kind({
  name: 'openai',
  about: 'A model behind an endpoint scores each step.',
  settings: judgingOpenaiConfig.extend(modelRewardConfig.shape),
  files: ['prompt'],
  prompt: rewardPlaces,
  make: async (config, { languageModel }: OnLanguageModel) =>
    modelReward(config, { model: await languageModel(config) }),
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
