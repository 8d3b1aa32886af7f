/** The process judge that is a language model (arXiv 2504.04736): it explains, and then says GOOD or BAD. */
import type { z } from 'zod';
import { cutMiddle } from '../agent/cut-text.ts';
import { finalLine } from '../agent/final-line.ts';
import type { Judge, LanguageModel } from '../agent/model.ts';
import { askingWith, type PromptPlaces } from '../agent/own-prompt.ts';
import { fillPrompt, reviewConfig, reviewSections } from '../agent/prompt.ts';
import { ModelError } from '../errors.ts';
import { judgingLocalConfig, judgingOpenaiConfig, type OnLanguageModel } from '../models/language-models.ts';
import { kind } from '../parts/kind.ts';
import type { SubTrajectory, VerdictLabel } from '../topics/records.generated.ts';

/** Settings beside those of the language model. */
export const modelJudgeConfig = reviewConfig;
export type ModelJudgeConfig = z.output<typeof modelJudgeConfig>;

/** The places of a judge's prompt. */
export const judgePlaces: PromptPlaces = {
  needed: ['question', 'conversation', 'message'],
  advised: ['code'],
  ending: 'VERDICT:',
};

/**
 * A reply without a clear verdict at its end is UNKNOWN, as is a model that refused; a `ModelError` after
 * which trying again may help is thrown on. The question's gold answer is not shown.
 */
export function modelJudge(config: ModelJudgeConfig, { model }: { readonly model: LanguageModel }): Judge {
  const { fill, by } = askingWith(config.prompt, 'process-judge', judgePlaces);
  const unknown = (rationale: string) => ({
    label: 'UNKNOWN' as const,
    rationale,
    judge: model.name,
    votes: [],
    by,
  });
  return {
    name: model.name,
    async judge(subTrajectory, { signal }) {
      const content = fill(reviewOf(subTrajectory, config.maxPromptChars));
      let reply: string;
      try {
        const id = `judge/${subTrajectory.id}`;
        reply = (await model.complete({ messages: [{ role: 'user', content }], id, signal })).text;
      } catch (error) {
        if (error instanceof ModelError && !error.retryable) return unknown(error.message);
        throw error;
      }
      const rationale = cutMiddle(reply.trim(), config.maxRationaleChars);
      const label = readVerdict(reply);
      if (label === null)
        return unknown(`The judge's reply does not end with VERDICT: GOOD or VERDICT: BAD: ${rationale}`);
      return { label, rationale, judge: model.name, votes: [], by };
    },
  };
}

/** What the judge is asked by Swirl's prompt. */
export function judgePrompt(step: SubTrajectory, maxChars: number): string {
  return fillPrompt('process-judge', reviewOf(step, maxChars));
}

function reviewOf({ question, context, action }: SubTrajectory, maxChars: number) {
  return { fenced: reviewSections({ question, steps: context, action }, maxChars) };
}

/** The verdict at the end of a reply; null where there is none that is clear. */
export function readVerdict(reply: string): Exclude<VerdictLabel, 'UNKNOWN'> | null {
  const verdict = finalLine(reply, 'verdict').toUpperCase();
  return verdict === 'GOOD' || verdict === 'BAD' ? verdict : null;
}

export const openaiJudge = kind({
  name: 'openai',
  about: 'A model behind an endpoint reviews each step.',
  settings: judgingOpenaiConfig.extend(modelJudgeConfig.shape),
  files: ['prompt'],
  prompt: judgePlaces,
  make: async (config, { languageModel }: OnLanguageModel) =>
    modelJudge(config, { model: await languageModel(config) }),
});

export const localJudge = kind({
  name: 'local',
  about: 'A model that runs here reviews each step.',
  settings: judgingLocalConfig.extend(modelJudgeConfig.shape),
  files: ['checkpoint', 'prompt'],
  prompt: judgePlaces,
  make: async (config, { languageModel }: OnLanguageModel) =>
    modelJudge(config, { model: await languageModel(config) }),
});
