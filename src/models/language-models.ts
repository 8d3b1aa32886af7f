/** The kinds of language models: what policy, judge and reward model are built on. */
import { z } from 'zod';
import type { LanguageModel } from '../agent/model.ts';
import type { Paid } from '../agent/paid.ts';
import type { DeviceError } from '../errors.ts';
import { kind, unionOf } from '../parts/kind.ts';
import type { WaitNotice } from '../runtime/wait-notice.ts';
import { localModelConfig } from './local-model-config.ts';
import { openaiConfig } from './openai-config.ts';

/**
 * What a language model is made with. The published declarations of `topology/kinds.ts` name it.
 *
 * @public
 */
export interface LanguageModelContext {
  /** The run's seed. */
  readonly seed: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told why a local model runs on the float64 reference. */
  readonly onFallback: (reason: DeviceError) => void;
  /** Says that an endpoint has not answered for long. */
  readonly waits?: WaitNotice;
  /** The door of requests to endpoints. */
  readonly paid?: Paid;
  /** For which stage it is asked. */
  readonly stage?: string;
}

const localLanguageModel = kind({
  name: 'local',
  about: 'A model that runs here, from a Hugging Face folder.',
  settings: localModelConfig,
  files: ['checkpoint'],
  make: async (config, context: LanguageModelContext): Promise<LanguageModel> =>
    (await import('./open-local-model.ts')).openLocalModel(config, context),
});

const openaiLanguageModel = kind({
  name: 'openai',
  about: 'A model behind an endpoint that speaks the OpenAI protocol.',
  settings: openaiConfig,
  files: ['recordTokens.policy'],
  make: async (config, context: LanguageModelContext): Promise<LanguageModel> => {
    const { seed, env, waits, paid, stage } = context;
    const { openaiModel } = await import('./openai.ts');
    return openaiModel(config, { runSeed: seed, env, waits, paid, stage });
  },
});

export const LANGUAGE_MODELS = [localLanguageModel, openaiLanguageModel] as const;

const languageModelConfig = unionOf(LANGUAGE_MODELS);
export type LanguageModelConfig = z.output<typeof languageModelConfig>;

// Verdicts and rewards are read off, not explored: greedy by default, where a policy samples.
export const judgingOpenaiConfig = openaiConfig.extend({
  temperature: openaiConfig.shape.temperature.default(0),
  // Nothing is trained on what these write.
  recordTokens: z.null().default(null).describe('For policies.'),
});
export const judgingLocalConfig = localModelConfig.extend({
  temperature: localModelConfig.shape.temperature.default(0),
});

/** For parts that are built on a language model: it is closed with the run. */
export interface OnLanguageModel {
  readonly languageModel: (config: LanguageModelConfig) => Promise<LanguageModel>;
}
