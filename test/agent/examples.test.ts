/** Worked examples that stand before a question. */
import { describe, expect, test } from '@jest/globals';
import { parseAction } from '../../src/agent/action.ts';
import { conversation } from '../../src/agent/conversation.ts';
import { examplesFor } from '../../src/agent/examples.ts';
import type { ToldTool } from '../../src/agent/tool.ts';
import { calculatorConfig, calculatorTool, makeCalculator } from '../../src/tools/calculator.ts';
import { searchTool } from '../../src/tools/search.ts';

const { signal } = new AbortController();
const description = { description: 'It does.', parameters: {}, example: '{"city":"Oslo"}' };
const unworked: ToldTool = { tag: 'weather', description };

const settings = calculatorConfig.parse({});
const told = {
  name: 'sums',
  notify: () => {},
  now: () => 0,
  env: {},
  shared: <T>(_: string, make: () => T) => make(),
};

async function worked(tool: typeof calculatorTool | typeof searchTool, tag: string): Promise<ToldTool> {
  const describeTool = tool.describe as (...args: unknown[]) => Promise<ToldTool['description']>;
  return { tag, description: await describeTool(settings, told, signal) };
}

describe("Swirl's own", () => {
  test('each is one action of the task, and every tool is called', async () => {
    const calculator = await worked(calculatorTool, 'math_exp');
    const search = await worked(searchTool, 'look');
    for (const tools of [[], [calculator], [search], [unworked], [calculator, search], [search, unworked]]) {
      const tags = tools.map(({ tag }) => ({ name: tag, tag }));
      const actions = examplesFor({ maxSteps: 5, tools }).map(({ assistant }) =>
        parseAction(assistant, tags),
      );
      const called = actions.flatMap(({ tool }) => tool ?? []);
      expect([...new Set(called)]).toEqual(tags.map(({ name }) => name));
      expect(actions.some(({ kind }) => kind === 'ANSWER')).toBe(true);
      expect(actions.filter(({ kind }) => kind === 'NONE')).toEqual([]);
    }
  });

  test("the calculator's results are what it gives", async () => {
    const { description } = await worked(calculatorTool, 'math_exp');
    const calculator = await makeCalculator('sums', settings);
    const calls = description?.worked?.flatMap((question) => question.calls) ?? [];
    expect(calls.length).toBeGreaterThan(2);
    for (const { argument, result } of calls)
      expect((await calculator.call(argument, { signal })).text).toBe(result);
    for (const { calls, answer } of description?.worked ?? []) expect(calls.at(-1)?.result).toBe(answer);
  });

  test('where one message is all, it answers', async () => {
    const tools = [await worked(calculatorTool, 'math_exp')];
    const actions = examplesFor({ maxSteps: 1, tools }).map(({ assistant }) =>
      parseAction(assistant, [{ name: 'sums', tag: 'math_exp' }]),
    );
    expect(actions.map(({ kind }) => kind)).toEqual(['ANSWER', 'ANSWER', 'ANSWER']);
  });
});

test('stand between instructions and question, and say what they call and what came of it', () => {
  const examples = [
    { user: 'Two and two?', assistant: '<math_exp>2+2</math_exp>' },
    { user: '2+2 -> 4', assistant: '<answer>4</answer>' },
    { user: 'And three?', assistant: '<search_query>three</search_query>' },
  ];
  const state = { task: { instructions: 'Add.', examples }, question: { text: 'Who?' }, steps: [] };
  const tools = [{ name: 'calculator', tag: 'math_exp' }];
  expect(conversation({ ...state, tools })).toEqual([
    { role: 'system', content: 'Add.' },
    { role: 'user', content: 'Two and two?' },
    {
      ...{ role: 'assistant', content: '<math_exp>2+2</math_exp>' },
      call: { tool: 'calculator', argument: '2+2' },
    },
    { role: 'user', content: '2+2 -> 4', result: '4' },
    { role: 'assistant', content: '<answer>4</answer>' },
    { role: 'user', content: 'And three?' },
    { role: 'assistant', content: '<search_query>three</search_query>' },
    { role: 'user', content: 'Who?' },
  ]);
  // The trainer is told of no tools: the texts are the same.
  const texts = (tools: { name: string; tag: string }[] = []) =>
    conversation({ ...state, tools }).map(({ role, content }) => [role, content]);
  expect(texts()).toEqual(texts(tools));
});
