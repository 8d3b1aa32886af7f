import { expect, test } from '@jest/globals';
import { SwirlError } from '../../src/errors.ts';
import { makeTools, toolConfig } from '../../src/tools/registry.ts';

const deps = { now: () => 0 };

test('makes tools by name, with the tag of their kind or their own', async () => {
  const tools = await makeTools(
    {
      calculator: toolConfig.parse({ kind: 'calculator' }),
      strict: toolConfig.parse({ kind: 'calculator', tag: 'strict_exp', maxLength: 5 }),
    },
    deps,
  );
  expect(tools.map(({ name, tag }) => [name, tag])).toEqual([
    ['calculator', 'math_exp'],
    ['strict', 'strict_exp'],
  ]);
  const { signal } = new AbortController();
  expect((await tools[0]?.call('1000 + 1', { signal }))?.text).toBe('1001');
  expect((await tools[1]?.call('1000 + 1', { signal }))?.status).toBe('REFUSED');
});

test.each([
  [{ kind: 'calculator', tag: 'answer' }, '<answer> is already the tag of the answer'],
  [{ kind: 'calculator', tag: 'math_exp' }, '<math_exp> is already the tag of tools.one'],
  [{ kind: 'search', corpus: '/nowhere/corpus.jsonl' }, '/nowhere/corpus.jsonl: there is no such file'],
])('refuses %j', async (second, message) => {
  const made = makeTools(
    { one: toolConfig.parse({ kind: 'calculator' }), two: toolConfig.parse(second) },
    deps,
  );
  await expect(made).rejects.toThrow(SwirlError);
  await expect(made).rejects.toThrow(message);
});

test.each([
  { kind: 'calculator', tag: 'a b' },
  { kind: 'calculator', tag: '' },
  { kind: 'search' },
  { kind: 'python' },
])('the configuration %j is wrong', (config) => {
  expect(toolConfig.safeParse(config).success).toBe(false);
});
