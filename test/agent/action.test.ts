import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ActionContent } from '../../src/agent/action.ts';
import { noToolObservation, parseAction, writeAction } from '../../src/agent/action.ts';
import { DataError } from '../../src/errors.ts';

const tools = [
  { name: 'search', tag: 'search_query' },
  { name: 'calculator', tag: 'math_exp' },
];

const TAG = /<\/?(search_query|math_exp|answer)>/;

describe('parseAction', () => {
  test.each([
    ['<math_exp>48/2</math_exp>', 'TOOL_CALL', 'calculator', '48/2'],
    ['I must look.\n<search_query> Who wrote X? </search_query>', 'TOOL_CALL', 'search', 'Who wrote X?'],
    ['so <answer>\n72\n</answer> is it', 'ANSWER', null, '72'],
    ['<b>bold</b> <answer>a < b</answer>', 'ANSWER', null, 'a < b'],
    ['<<answer>x</answer>>', 'ANSWER', null, 'x'],
    ['<answer><script>alert(1)</script></answer>', 'ANSWER', null, '<script>alert(1)</script>'],
  ])('%j', (text, kind, tool, content) => {
    expect(parseAction(text, tools)).toEqual({ kind, tool, content });
  });

  test.each([
    ['', 'no tool call and no answer'],
    ['the answer is 72', 'no tool call and no answer'],
    ['<ANSWER>72</ANSWER>', 'no tool call and no answer'],
    ['<answer >72</answer >', 'no tool call and no answer'],
    ['<python>1</python>', 'no tool call and no answer'],
    ['<answer>72', 'not closed'],
    ['72</answer>', 'not opened'],
    ['</answer>72<answer>', 'not opened'],
    ['<answer>72<answer>', 'not closed'],
    ['<answer>72</math_exp>', 'not closed'],
    ['<answer>  \n</answer>', 'nothing between'],
    ['<answer>1</answer><answer>1</answer>', 'more than one'],
    ['<math_exp>1+1</math_exp> <answer>2</answer>', 'more than one'],
    ['<math_exp>1+1<answer>2</answer></math_exp>', 'more than one'],
    ['<answer>2</answer></answer>', 'more than one'],
  ])('NONE: %j: %s', (text, problem) => {
    const action = parseAction(text, tools);
    expect(action).toMatchObject({ kind: 'NONE', tool: null, content: null });
    if (action.kind !== 'NONE') throw new Error('unreachable');
    expect(action.problem).toContain(problem);
    expect(noToolObservation(action)).toEqual({
      tool: null,
      status: 'NO_TOOL',
      text: `No tool was used: ${action.problem}`,
    });
  });

  test('the tag of a tool that the task has not is plain text', () => {
    expect(parseAction('<math_exp>1</math_exp>', tools.slice(0, 1)).kind).toBe('NONE');
    expect(parseAction('<math_exp>1</math_exp><answer>1</answer>', tools.slice(0, 1)).kind).toBe('ANSWER');
  });

  test('agrees with a count of the tags, on any mixture of tags and text', () => {
    const parts = fc.constantFrom(
      ...['<answer>', '</answer>', '<math_exp>', '</math_exp>', 'x', ' ', '<', '>', '</'],
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        const tags = text.match(/<\/?(?:answer|math_exp)>/g) ?? [];
        const inside = text.split(/<\/?(?:answer|math_exp)>/)[1] ?? '';
        const paired = tags.length === 2 && tags[0]?.[1] !== '/' && tags[1] === tags[0]?.replace('<', '</');
        const wellFormed = paired && inside.trim() !== '';
        expect(parseAction(text, tools).kind !== 'NONE').toBe(wellFormed);
      }),
      { numRuns: 3000 },
    );
  });

  test('reads megabytes of hostile text', () => {
    for (const piece of ['<', '<answer', '</', '<a', '<answer>', '<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']) {
      expect(parseAction(piece.repeat(300_000), tools).kind).toBe('NONE');
    }
    const long = 'word '.repeat(400_000);
    expect(parseAction(`<answer>${long}</answer>`, tools)).toMatchObject({
      kind: 'ANSWER',
      content: long.trim(),
    });
  });
});

describe('writeAction', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((value) => !TAG.test(value));
  const content = text.map((value) => value.trim()).filter((value) => value !== '');
  const action: fc.Arbitrary<ActionContent> = fc.oneof(
    fc.record({
      kind: fc.constant('TOOL_CALL' as const),
      tool: fc.constantFrom('search', 'calculator'),
      content,
    }),
    fc.record({ kind: fc.constant('ANSWER' as const), tool: fc.constant(null), content }),
  );

  test('parse(write(x)) = x', () => {
    fc.assert(
      fc.property(action, text, (x, reasoning) => {
        expect(parseAction(writeAction(x, { tools, reasoning }), tools)).toEqual(x);
      }),
      { numRuns: 1000 },
    );
  });

  test.each<[ActionContent, string, string]>([
    [{ kind: 'TOOL_CALL', tool: 'python', content: '1' }, '', 'search, calculator'],
    [{ kind: 'ANSWER', tool: null, content: '' }, '', 'nothing between'],
    [{ kind: 'ANSWER', tool: null, content: '<answer>1' }, '', 'not closed'],
    [{ kind: 'ANSWER', tool: null, content: '1</answer><math_exp>2</math_exp>' }, '', 'more than one'],
    [{ kind: 'ANSWER', tool: null, content: '1' }, 'or <math_exp>1</math_exp>?', 'more than one'],
  ])('refuses what could not be read back: %j', (x, reasoning, message) => {
    expect(() => writeAction(x, { tools, reasoning })).toThrow(DataError);
    expect(() => writeAction(x, { tools, reasoning })).toThrow(message);
  });
});
