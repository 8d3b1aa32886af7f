/** What policies write, as the grammar reads it. */
import { expect, test } from '@jest/globals';
import { actionEnd, parseAction } from '../../src/agent/action.ts';
import { linesOf } from '../fixtures/cases.ts';

interface Case {
  readonly text: string;
  readonly kind: string;
  readonly tool: string | null;
  readonly content: string | null;
}

const tools = [
  { name: 'calculator', tag: 'math_exp' },
  { name: 'search', tag: 'search_query' },
];

test.each(linesOf<Case>('actions.jsonl'))('%s', (_, cases) => {
  expect(cases.length).toBeGreaterThan(0);
  const wrong = cases.flatMap(({ text, ...right }) => {
    const { kind, tool, content } = parseAction(text, tools);
    const same = kind === right.kind && tool === right.tool && content === right.content;
    return same ? [] : [{ text, right, read: { kind, tool, content } }];
  });
  expect(wrong).toEqual([]);
  // What comes after an action changes nothing of it.
  for (const { text, kind, content } of cases.filter(({ kind }) => kind !== 'NONE')) {
    const end = actionEnd(text, tools) ?? 0;
    expect(parseAction(text.slice(0, end), tools)).toMatchObject({ kind, content });
  }
});
