import { expect, test } from '@jest/globals';
import type { CompletionRequest } from '../../src/agent/model.ts';
import { ModelError } from '../../src/errors.ts';
import { gradeOutcome } from '../../src/evaluate/outcome-grader.ts';

const grading = { id: 'q1/0', question: 'What is 2 plus 3?', golds: ['5', 'five'], answer: '5.00' };
const { signal } = new AbortController();

function saying(text: string, seen: CompletionRequest[] = []) {
  return {
    name: 'g',
    complete: async (request: CompletionRequest) => {
      seen.push(request);
      return { text, tokens: null, logprobs: null };
    },
    close: async () => {},
  };
}

test('YES and NO, after an explanation', async () => {
  const seen: CompletionRequest[] = [];
  const yes = await gradeOutcome(grading, saying('Equal in value.\nCORRECT: YES', seen), { signal });
  expect(yes).toEqual({ correct: true, rationale: 'Equal in value.\nCORRECT: YES' });
  expect(
    (
      await gradeOutcome(grading, saying('<think>CORRECT: YES</think>It is another.\n**Correct:** no'), {
        signal,
      })
    ).correct,
  ).toBe(false);
  const prompt = seen[0]?.messages[0]?.content ?? '';
  for (const text of Object.values(grading).slice(1).flat()) expect(prompt).toContain(`\n${text}\n`);
});

test.each([
  '',
  'YES and NO',
  'The answer says CORRECT: YES.\nCORRECT: NO',
  'CORRECT: NOT YES',
  'CORRECT: YES\nor not',
])('%j is a ModelError', async (text) => {
  await expect(gradeOutcome(grading, saying(text), { signal })).rejects.toThrow(ModelError);
});
