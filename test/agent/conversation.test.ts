import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { conversation } from '../../src/agent/conversation.ts';
import { writtenAction } from '../../src/agent/written-action.ts';
import type { Action, Observation, Step } from '../../src/topics/records.generated.ts';

const task = { instructions: 'Answer the question.' };
const question = { text: 'Who wrote X?' };

function step(action: Partial<Action>, observation: Observation | null): Step {
  const plain = writtenAction({ text: 't', kind: 'NONE', tool: null, content: null, policy: 'p' });
  return { action: { ...plain, ...action }, observation };
}

const search = step(
  {
    text: 'Hm. <search_query>X</search_query>',
    kind: 'TOOL_CALL',
    tool: 'search',
    content: 'X',
    tokens: [3, 1, 4],
  },
  { tool: 'search', status: 'OK', text: 'X: a book by Y.' },
);
const none = step({ text: 'Hm.' }, { tool: null, status: 'NO_TOOL', text: 'No tool was used: why.' });
const answer = step({ text: '<answer>Y</answer>', kind: 'ANSWER', content: 'Y' }, null);

test('instructions, question, and each action with what came back for it', () => {
  expect(conversation({ task, question, steps: [search, none, answer] })).toEqual([
    { role: 'system', content: 'Answer the question.' },
    { role: 'user', content: 'Who wrote X?' },
    {
      ...{ role: 'assistant', content: 'Hm. <search_query>X</search_query>', tokens: [3, 1, 4] },
      call: { tool: 'search', argument: 'X' },
    },
    { role: 'user', content: 'X -> X: a book by Y.', result: 'X: a book by Y.' },
    { role: 'assistant', content: 'Hm.', tokens: null },
    { role: 'user', content: 'No tool was used: why.' },
    { role: 'assistant', content: '<answer>Y</answer>', tokens: null },
  ]);
});

test('no system message where the task has no instructions', () => {
  expect(conversation({ task: { instructions: '' }, question, steps: [] })).toEqual([
    { role: 'user', content: 'Who wrote X?' },
  ]);
});

test('only ever appends, and roles alternate while every step has an observation', () => {
  const steps = fc.array(fc.constantFrom(search, none), { maxLength: 6 });
  fc.assert(
    fc.property(steps, fc.nat(6), (all, cut) => {
      const whole = conversation({ task, question, steps: all });
      const part = conversation({ task, question, steps: all.slice(0, cut) });
      expect(whole.slice(0, part.length)).toEqual(part);
      expect(whole.map((message) => message.role).slice(1)).toEqual(
        whole.slice(1).map((_, i) => (i % 2 === 0 ? 'user' : 'assistant')),
      );
    }),
  );
});
