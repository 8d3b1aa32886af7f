/** What an endpoint says of the tokens that a completion took. */
import { z } from 'zod';
import type { Usage } from '../agent/paid.ts';

const count = z.int().min(0).nullish().catch(null);
const details = z.looseObject({ cached_tokens: count, reasoning_tokens: count }).nullish().catch(null);

const body = z.looseObject({
  usage: z.looseObject({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    prompt_tokens_details: details,
    completion_tokens_details: details,
    /** What DeepSeek calls it. */
    prompt_cache_hit_tokens: count,
  }),
});

/**
 * The `usage` of a response in JSON, as OpenAI, vLLM, Gemini and others write it; null where there is none. Gemini
 * leaves the tokens of thinking out of `completion_tokens`, not out of `total_tokens`, and bills them as output.
 */
export function usageIn(text: string): Usage | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) return null;
  const { usage } = parsed.data;
  const { prompt_tokens: input, completion_tokens: written, total_tokens: total } = usage;
  if (input == null && written == null) return null;
  const unsaid = total == null ? 0 : Math.max(0, total - (input ?? 0) - (written ?? 0));
  const thought = usage.completion_tokens_details?.reasoning_tokens ?? 0;
  const cached = usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? 0;
  return {
    input: input ?? 0,
    cachedInput: Math.min(input ?? 0, cached),
    output: (written ?? 0) + unsaid,
    reasoning: Math.max(thought, unsaid),
  };
}
