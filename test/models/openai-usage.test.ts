/** What endpoints say that a completion took, as they write it. */
import { expect, test } from '@jest/globals';
import { usageIn } from '../../src/models/openai-usage.ts';

const of = (usage: unknown) => usageIn(JSON.stringify({ choices: [], usage }));

test.each([
  [
    'OpenAI',
    {
      ...{ prompt_tokens: 100, completion_tokens: 40, total_tokens: 140 },
      prompt_tokens_details: { cached_tokens: 64, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 30 },
    },
    { input: 100, cachedInput: 64, output: 40, reasoning: 30 },
  ],
  [
    'vLLM',
    { prompt_tokens: 7, total_tokens: 12, completion_tokens: 5, prompt_tokens_details: null },
    { input: 7, cachedInput: 0, output: 5, reasoning: 0 },
  ],
  [
    // Thinking stands in the total alone, and is billed as output.
    'Gemini',
    { prompt_tokens: 10, completion_tokens: 4, total_tokens: 64 },
    { input: 10, cachedInput: 0, output: 54, reasoning: 50 },
  ],
  [
    'DeepSeek',
    { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14, prompt_cache_hit_tokens: 8 },
    { input: 10, cachedInput: 8, output: 4, reasoning: 0 },
  ],
  [
    'nonsense in one of them',
    { prompt_tokens: 10, completion_tokens: -4, total_tokens: 'many', prompt_tokens_details: 3 },
    { input: 10, cachedInput: 0, output: 0, reasoning: 0 },
  ],
])('%s', (_, usage, expected) => expect(of(usage)).toEqual(expected));

test('nothing is known where nothing is said', () => {
  for (const usage of [undefined, null, 'x', [], {}, { prompt_tokens: null }]) expect(of(usage)).toBeNull();
  expect(usageIn('not JSON')).toBeNull();
  expect(usageIn('')).toBeNull();
  expect(usageIn('[1]')).toBeNull();
});
