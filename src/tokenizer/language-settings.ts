/** What a policy's language is opened with, beside its folder's own files. */
import type { TemplateVariables } from './template-variables.ts';

export interface LanguageSettings {
  /** Ids of the decoder's vocabulary are below this. */
  readonly vocabSize: number;
  /** Of config.json and generation_config.json. */
  readonly endsOfText: readonly number[];
  readonly beginningOfText: number | null;
  /** The longest that one conversation may take to become tokens, in milliseconds. */
  readonly renderTimeoutMs?: number | undefined;
  /** What the folder's chat template is told. */
  readonly templateVariables?: TemplateVariables;
}
