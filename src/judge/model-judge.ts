/** The process judge that is a language model (arXiv 2504.04736): it explains, and then says GOOD or BAD. */
import type { z } from 'zod';
import type { Judge, LanguageModel } from '../agent/model.ts';
import { askingWith, type PromptPlaces } from '../agent/own-prompt.ts';
import { fillPrompt, reviewConfig, reviewSections } from '../agent/prompt.ts';
import { jsonReplies, reviews, type Vote } from '../agent/review.ts';
import { judgingLocalConfig, judgingOpenaiConfig, type OnLanguageModel } from '../models/language-models.ts';
import { kind } from '../parts/kind.ts';
import type { SubTrajectory, Verdict, VerdictLabel } from '../topics/records.generated.ts';
import { readVerdict } from './read-verdict.ts';

export { readVerdict } from './read-verdict.ts';

/** Settings beside those of the language model. */
export const modelJudgeConfig = reviewConfig;
export type ModelJudgeConfig = z.output<typeof modelJudgeConfig>;

/** The places of a judge's prompt. */
const judgePlaces: PromptPlaces = {
  needed: ['question', 'conversation', 'message'],
  advised: ['code'],
  ending: 'VERDICT:',
};

const VERDICT_JSON = {
  name: 'verdict',
  schema: {
    type: 'object',
    properties: { explanation: { type: 'string' }, verdict: { type: 'string', enum: ['GOOD', 'BAD'] } },
    required: ['explanation', 'verdict'],
    additionalProperties: false,
  },
};

export interface ModelJudgeDeps {
  readonly model: LanguageModel;
  /** Whether it is asked for JSON by a schema. */
  readonly json?: boolean;
}

/**
 * A reply without one clear verdict is UNKNOWN, as is a model that refused; a `ModelError` after which trying
 * again may help is thrown on. Of several votes the label counts that more than half of them have. The
 * question's gold answer is not shown.
 */
export function modelJudge(config: ModelJudgeConfig, { model, json = false }: ModelJudgeDeps): Judge {
  const { fill, by } = askingWith(config.prompt, 'process-judge', judgePlaces);
  const reader = {
    read: readVerdict,
    problem: "The judge's reply does not end with VERDICT: GOOD or VERDICT: BAD, and nothing else",
  };
  return {
    name: model.name,
    async judge(subTrajectory, { signal }) {
      const review = {
        ...config,
        id: `judge/${subTrajectory.id}`,
        prompt: fill(reviewOf(subTrajectory, config.maxPromptChars)),
        json: json ? VERDICT_JSON : null,
      };
      const votes = await reviews(review, { model, reader, signal });
      return { ...majorityOf(votes), judge: model.name, by };
    },
  };
}

/**
 * The label of more than half of the votes, with the explanation of the first of them; UNKNOWN where there is
 * none.
 */
function majorityOf(votes: readonly Vote<Label>[]): Pick<Verdict, 'label' | 'rationale' | 'votes'> {
  const of = (label: Label | null) => votes.filter(({ value }) => value === label);
  const label = (['GOOD', 'BAD'] as const).find((each) => 2 * of(each).length > votes.length);
  const recorded =
    votes.length === 1
      ? []
      : votes.map(({ value, rationale }) => ({ label: value ?? ('UNKNOWN' as const), rationale }));
  if (label !== undefined) return { label, rationale: of(label)[0]?.rationale ?? '', votes: recorded };
  const counts = `${of('GOOD').length} GOOD, ${of('BAD').length} BAD, ${of(null).length} UNKNOWN`;
  const rationale =
    votes.length === 1 ? (votes[0]?.rationale ?? '') : `No majority of ${votes.length} votes: ${counts}`;
  return { label: 'UNKNOWN', rationale, votes: recorded };
}

type Label = Exclude<VerdictLabel, 'UNKNOWN'>;

/** What the judge is asked by Swirl's prompt. */
export function judgePrompt(step: SubTrajectory, maxChars: number): string {
  return fillPrompt('process-judge', reviewOf(step, maxChars));
}

function reviewOf({ question, context, action }: SubTrajectory, maxChars: number) {
  return { fenced: reviewSections({ question, steps: context, action }, maxChars) };
}

export const openaiJudge = kind({
  name: 'openai',
  about: 'A model behind an endpoint reviews each step.',
  settings: judgingOpenaiConfig.extend({ ...modelJudgeConfig.shape, json: jsonReplies }),
  files: ['prompt'],
  prompt: judgePlaces,
  make: async (config, { languageModel }: OnLanguageModel) =>
    modelJudge(config, { model: await languageModel(config), json: config.json }),
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
