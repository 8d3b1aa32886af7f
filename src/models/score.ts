/** Logprobs of given texts under a policy, token by token: the logic of `swirl score`. */
import { z } from 'zod';
import type { Engine } from '../engine/engine.ts';
import { packRows } from '../engine/rows.ts';
import { ConfigError, ModelError } from '../errors.ts';
import { renderAside } from '../tokenizer/bounded-renderer.ts';
import type { Language } from '../tokenizer/language.ts';

const message = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string(),
  tokens: z.array(z.int().nonnegative()).readonly().nullish(),
});
const ids = z.array(z.int().nonnegative());

/**
 * What may be scored, one JSON value per line: a bare text (prefixed with the policy's BOS token, if it has
 * one); a completion after a context text, both as they are; the next assistant message of a conversation; or
 * token ids, for folders without a tokenizer too.
 */
export const scoreRequest = z.union([
  z.string().transform((text) => ({ text })),
  z.strictObject({ text: z.string() }),
  z.strictObject({ context: z.string(), completion: z.string() }),
  z.strictObject({ messages: z.array(message), completion: z.string() }),
  z.strictObject({ context: ids.default([]), ids }),
]);
export type ScoreRequest = z.output<typeof scoreRequest>;

export interface Score {
  /** Ids of what stands before. */
  readonly context: number[];
  /** Ids of what was scored. */
  readonly ids: number[];
  /** Their natural logprobs, at temperature 1. Null for the first where nothing stands before it. */
  readonly logprobs: (number | null)[];
}

export interface ScoreOptions {
  readonly engine: Pick<Engine, 'config' | 'forward'>;
  /** Null: only ids can be scored. */
  readonly language: Language | null;
}

/** Reads one line of input. Throws `ConfigError` with what was expected; `where` names the line. */
export function parseScoreRequest(json: unknown, where: string): ScoreRequest {
  const parsed = scoreRequest.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    `${where}: expected a text, {"text"}, {"context", "completion"}, {"messages", "completion"} or {"ids"}, found ${JSON.stringify(json)?.slice(0, 100)}`,
  );
}

/**
 * Scores one request. Throws `ModelError` where it is longer than the policy's context, has ids beyond its
 * vocabulary, or is text and there is no tokenizer.
 */
export async function score(request: ScoreRequest, { engine, language }: ScoreOptions): Promise<Score> {
  const { context, ids } = 'ids' in request ? request : await tokenize(request, language);
  const tokens = [...context, ...ids];
  const { maxPositions, vocabSize } = engine.config;
  if (tokens.length > maxPositions)
    throw new ModelError(`expected at most ${maxPositions} tokens, found ${tokens.length}`);
  const stranger = tokens.find((id) => id >= vocabSize);
  if (stranger !== undefined)
    throw new ModelError(`expected token ids below the vocabulary's ${vocabSize}, found ${stranger}`);
  const unseen = context.length === 0 && ids.length > 0 ? 1 : 0;
  const targets = ids.map((_, i) => context.length + i).slice(unseen);
  if (targets.length === 0) return { context, ids, logprobs: ids.map(() => null) };
  const logprobs = await engine.forward(packRows([{ tokens, targets }]));
  return { context, ids, logprobs: [...(unseen ? [null] : []), ...logprobs] };
}

async function tokenize(
  request: Exclude<ScoreRequest, { readonly ids: unknown }>,
  language: Language | null,
): Promise<Pick<Score, 'context' | 'ids'>> {
  if (language === null) {
    throw new ModelError(
      'expected {"ids"}, as the policy\'s folder has no tokenizer.json, found text. Copy the tokenizer there, or give token ids',
    );
  }
  const { tokenizer, beginning } = language;
  if ('text' in request) return { context: [...beginning], ids: tokenizer.encode(request.text) };
  if ('context' in request) {
    const context = [...beginning, ...tokenizer.encode(request.context)];
    const continues = request.context !== '';
    return { context, ids: tokenizer.encode(request.completion, { continues }) };
  }
  const renderer = language.renderer();
  const messages = request.messages.map(({ tokens = null, ...rest }) => ({ ...rest, tokens }));
  const { ids, spans } = await renderAside(renderer, [
    ...messages,
    { role: 'assistant', content: request.completion, tokens: null },
  ]);
  const { start, end } = spans[spans.length - 1];
  return { context: ids.slice(0, start), ids: ids.slice(start, end) };
}
