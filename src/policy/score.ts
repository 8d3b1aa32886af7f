/** Log-probabilities of given texts under a policy, token by token: the logic of `swirl score`. */
import { z } from 'zod';
import { ConfigError, ModelError } from '../errors.ts';
import type { Engine } from './engine.ts';
import type { PolicyFolder } from './folder.ts';
import { packRows } from './rows.ts';

const message = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string(),
  tokens: z.array(z.int().nonnegative()).readonly().nullish(),
});

/**
 * What may be scored, one JSON value per line: a text by itself (behind the policy's begin token, if it has one); a
 * completion behind a context text, both as they are; or the next assistant message of a conversation.
 */
export const scoreRequest = z.union([
  z.string().transform((text) => ({ text })),
  z.strictObject({ text: z.string() }),
  z.strictObject({ context: z.string(), completion: z.string() }),
  z.strictObject({ messages: z.array(message), completion: z.string() }),
]);
export type ScoreRequest = z.output<typeof scoreRequest>;

export interface Score {
  /** Ids of what was scored, not of its context. */
  readonly ids: number[];
  /** Their natural log-probabilities, at temperature 1. */
  readonly logprobs: number[];
}

export interface ScoreOptions {
  readonly engine: Pick<Engine, 'config' | 'forward'>;
  readonly policy: Pick<PolicyFolder, 'tokenizer' | 'renderer'>;
}

/** Reads one line of input. Throws `ConfigError` with what was expected; `where` names the line. */
export function parseScoreRequest(json: unknown, where: string): ScoreRequest {
  const parsed = scoreRequest.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    `${where}: expected a text, {"text"}, {"context", "completion"} or {"messages", "completion"}, found ${JSON.stringify(json)?.slice(0, 100)}`,
  );
}

/**
 * Scores one request. Throws `ModelError` where it is longer than the policy's context, or nothing comes before the
 * first token that is scored.
 */
export async function score(request: ScoreRequest, { engine, policy }: ScoreOptions): Promise<Score> {
  const { context, ids } = tokenize(request, policy);
  if (ids.length === 0) return { ids, logprobs: [] };
  if (context.length === 0) throw new ModelError('expected a context of at least one token, found none');
  const length = context.length + ids.length;
  if (length > engine.config.maxPositions) {
    throw new ModelError(`expected at most ${engine.config.maxPositions} tokens, found ${length}`);
  }
  const targets = ids.map((_, i) => context.length + i);
  const logprobs = await engine.forward(packRows([{ tokens: [...context, ...ids], targets }]));
  return { ids, logprobs: [...logprobs] };
}

function tokenize(
  request: ScoreRequest,
  { tokenizer, renderer }: ScoreOptions['policy'],
): { readonly context: number[]; readonly ids: number[] } {
  const begin = renderer.render([]).ids;
  if ('text' in request) return { context: begin, ids: tokenizer.encode(request.text) };
  if ('context' in request) {
    return {
      context: [...begin, ...tokenizer.encode(request.context)],
      ids: tokenizer.encode(request.completion),
    };
  }
  const messages = request.messages.map(({ tokens = null, ...rest }) => ({ ...rest, tokens }));
  const context = renderer.render(messages, { open: true }).ids;
  return { context, ids: [...tokenizer.encode(request.completion), renderer.endOfTurn] };
}
