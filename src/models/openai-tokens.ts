/**
 * Token ids and logprobs as an endpoint gives them (vLLM's `return_token_ids`), recorded as they are: the
 * trainer then never tokenizes such an action again, and ratios work. Only with the tokenizer of the policy
 * that learns are they any use, so what they spell is compared with the text, and the prompt's ids with how
 * the policy itself would write it.
 */
import { z } from 'zod';
import { actionEnd, type Reading, type ToolTag } from '../agent/action.ts';
import type { Completion, Message } from '../agent/model.ts';
import type { PolicyFolder } from '../checkpoint/folder.ts';
import { ModelError } from '../errors.ts';
import { renderAside } from '../tokenizer/bounded-renderer.ts';
import type { OpenaiConfig } from './openai-config.ts';
import type { Endpoint } from './openai-errors.ts';

/** What of a body tells of tokens. */
const tokensSchema = z.object({
  prompt_token_ids: z.array(z.int().min(0)).nullish(),
  choices: z
    .array(
      z.object({
        token_ids: z.array(z.int().min(0)).nullish(),
        prompt_token_ids: z.array(z.int().min(0)).nullish(),
        logprobs: z.object({ content: z.array(z.object({ logprob: z.number() })).nullish() }).nullish(),
      }),
    )
    .min(1),
});

/** What asks for them. */
export const TOKEN_FIELDS = {
  return_token_ids: true,
  logprobs: true,
  include_stop_str_in_output: true,
} as const;

export interface TokenRecorderDeps {
  readonly endpoint: Endpoint;
  readonly config: OpenaiConfig & { readonly recordTokens: NonNullable<OpenaiConfig['recordTokens']> };
  /** The policy as the learner has it. */
  readonly policy: Pick<PolicyFolder, 'tokenizer' | 'renderer'>;
}

export class TokenRecorder {
  readonly #deps: TokenRecorderDeps;

  constructor(deps: TokenRecorderDeps) {
    this.#deps = deps;
  }

  /**
   * The completion with its tokens, up to the end of its action. Throws `ModelError`, not to be retried,
   * where the endpoint gives none, or they are another tokenizer's.
   */
  async record(
    body: string,
    completion: Completion,
    asked: {
      readonly messages: readonly Message[];
      readonly tools?: readonly ToolTag[];
      readonly reading: Reading;
    },
  ): Promise<Completion> {
    const { config } = this.#deps;
    const parsed = tokensSchema.safeParse(JSON.parse(body)).data;
    const [choice] = parsed?.choices ?? [];
    const tokens = choice?.token_ids;
    const logprobs = choice?.logprobs?.content?.map(({ logprob }) => logprob);
    if (!tokens?.length || logprobs?.length !== tokens.length) {
      throw this.#wrong(
        `token ids with a logprob for each (recordTokens)`,
        `${tokens?.length ?? 'no'} ids and ${logprobs?.length ?? 'no'} logprobs. vLLM gives them from 0.10.2 on`,
      );
    }
    this.#checkText(tokens, completion);
    const prompt = parsed?.prompt_token_ids ?? choice?.prompt_token_ids;
    if (config.recordTokens.checkPrompt && prompt) await this.#checkPrompt(prompt, asked.messages);
    const count = this.#countOf(tokens, asked);
    return {
      ...completion,
      tokens: tokens.slice(0, count),
      logprobs: logprobs.slice(0, count),
      temperature: config.recordTokens.logprobs === 'raw' ? 1 : (config.temperature ?? 1),
    };
  }

  /** How many tokens reach to the end of the action; all where there is none. */
  #countOf(
    tokens: readonly number[],
    { tools, reading }: { readonly tools?: readonly ToolTag[]; readonly reading: Reading },
  ): number {
    const { tokenizer } = this.#deps.policy;
    const ends = (count: number) =>
      tools !== undefined && actionEnd(tokenizer.decode(tokens.slice(0, count)), tools, reading) !== null;
    if (!ends(tokens.length)) return tokens.length;
    // Once an action is complete it stays so: halve the range until its last token is found.
    let [open, complete] = [0, tokens.length];
    while (complete - open > 1) {
      const middle = Math.floor((open + complete) / 2);
      if (ends(middle)) complete = middle;
      else open = middle;
    }
    return complete;
  }

  #checkText(tokens: readonly number[], { text }: Completion): void {
    const { tokenizer } = this.#deps.policy;
    const stranger = tokens.find((id) => id >= tokenizer.vocabularySize);
    const spelled = stranger === undefined ? tokenizer.decode(tokens) : '';
    if (stranger === undefined && spelled.includes(text.trim())) return;
    const found = stranger === undefined ? JSON.stringify(spelled.slice(0, 100)) : `the id ${stranger}`;
    throw this.#wrong(
      `token ids that spell ${JSON.stringify(text.trim().slice(0, 100))} with the tokenizer of recordTokens.policy`,
      `${found}: the endpoint has another tokenizer`,
    );
  }

  async #checkPrompt(found: readonly number[], messages: readonly Message[]): Promise<void> {
    const { ids } = await renderAside(this.#deps.policy.renderer, messages, { open: true });
    const at = ids.findIndex((id, i) => id !== found[i]);
    if (at < 0 && ids.length === found.length) return;
    const place = at < 0 ? Math.min(ids.length, found.length) : at;
    throw this.#wrong(
      `the prompt's ids as recordTokens.policy renders it (${ids.length} of them)`,
      `${found.length}, other from id ${place} on: the learner would train on another context. Give both one chat ` +
        'template and its variables, or set recordTokens.checkPrompt to false',
    );
  }

  #wrong(expected: string, found: string): ModelError {
    return new ModelError(`${this.#deps.endpoint.url}: expected ${expected}, found ${found}`);
  }
}
