import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ActionContent } from '../../src/agent/action.ts';
import { actionEnd, closeTag, noToolObservation, parseAction, writeAction } from '../../src/agent/action.ts';
import { DataError } from '../../src/errors.ts';

const tools = [
  { name: 'search', tag: 'search_query' },
  { name: 'calculator', tag: 'math_exp' },
];

const TAG = /<\/?(search_query|math_exp|answer|think)\s*>/i;

describe('parseAction', () => {
  test.each([
    ['<math_exp>48/2</math_exp>', 'TOOL_CALL', 'calculator', '48/2'],
    ['I must look.\n<search_query> Who wrote X? </search_query>', 'TOOL_CALL', 'search', 'Who wrote X?'],
    ['so <answer>\n72\n</answer> is it', 'ANSWER', null, '72'],
    ['<b>bold</b> <answer>a < b</answer>', 'ANSWER', null, 'a < b'],
    ['<<answer>x</answer>>', 'ANSWER', null, 'x'],
    ['<answer><script>alert(1)</script></answer>', 'ANSWER', null, '<script>alert(1)</script>'],
    // Upper and lower case, white space before the bracket, any markup around.
    ['<ANSWER>Paris</Answer>', 'ANSWER', null, 'Paris'],
    ['<Math_Exp>1+1</MATH_EXP>', 'TOOL_CALL', 'calculator', '1+1'],
    ['<answer >72</answer\n>', 'ANSWER', null, '72'],
    ['```xml\n<answer>7</answer>\n```', 'ANSWER', null, '7'],
    // The first complete tag ends the action; the innermost opening tag counts.
    ['<answer>1</answer><answer>2</answer>', 'ANSWER', null, '1'],
    ['<math_exp>1+1</math_exp>\n1+1 -> 2 <answer>2</answer>', 'TOOL_CALL', 'calculator', '1+1'],
    ['With <math_exp> I add: <math_exp>1+2</math_exp>', 'TOOL_CALL', 'calculator', '1+2'],
    ['<math_exp>1+1<answer>2</answer></math_exp>', 'ANSWER', null, '2'],
    ['<answer>so <math_exp>3*4</math_exp></answer>', 'TOOL_CALL', 'calculator', '3*4'],
    ['</answer> is how it ends: <answer>5</answer>', 'ANSWER', null, '5'],
    ['<answer>5</math_exp></answer>', 'ANSWER', null, '5</math_exp>'],
    ['<answer>2</answer></answer>', 'ANSWER', null, '2'],
    // Thinking is not acting.
    ['<think>is it <answer>1</answer>?</think> <answer>2</answer>', 'ANSWER', null, '2'],
    ['the prompt opened this: <answer>1</answer>?</think><answer>2</answer>', 'ANSWER', null, '2'],
    ['<answer>a<think>or <answer>b</answer>?</think>c</answer>', 'ANSWER', null, 'ac'],
    ['<think>one</think><think>two <math_exp>1</math_exp></think><answer>3</answer>', 'ANSWER', null, '3'],
  ])('%j', (text, kind, tool, content) => {
    expect(parseAction(text, tools)).toEqual({ kind, tool, content });
  });

  test.each([
    ['', 'no tool call and no answer'],
    ['the answer is 72', 'no tool call and no answer'],
    ['&lt;answer&gt;72&lt;/answer&gt;', 'no tool call and no answer'],
    ['< answer>72</ answer>', 'no tool call and no answer'],
    ['<python>1</python>', 'no tool call and no answer'],
    ['<answer>72', 'not closed'],
    ['72</answer>', 'not opened'],
    ['</answer>72<answer>', 'not closed'],
    ['<answer>72<answer>', 'not closed'],
    ['<answer>72</math_exp>', 'not closed'],
    ['<answer>72 <math_exp></answer>', 'not closed'],
    ['<answer>  \n</answer>', 'nothing between'],
    ['<answer></answer><answer>5</answer>', 'nothing between'],
    ['<answer><think>5</think></answer>', 'nothing between'],
    ['<think>it is <answer>1</answer>, no, let me', 'no tool call and no answer'],
    ['<answer>7 <think>or 8?</answer>', 'not closed'],
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

  test('the tags are named where tools are given', () => {
    const action = parseAction('I wonder.', tools);
    if (action.kind !== 'NONE') throw new Error('unreachable');
    const text = (of: typeof tools) => noToolObservation(action, { tools: of }).text;
    expect(text(tools)).toBe(
      'No tool was used: the message has no tool call and no answer. Write a call between <search_query> and </search_query>, or <math_exp> and </math_exp>; or your answer between <answer> and </answer>.',
    );
    expect(text([])).toMatch(/no answer\. Write your answer between <answer> and <\/answer>\.$/);
  });

  test('thinking that the prompt opened is thinking until it is closed', () => {
    const reading = { startsInside: true };
    expect(parseAction('is it <answer>1</answer>?', tools, reading).kind).toBe('NONE');
    expect(parseAction('is it 1?</think><answer>2</answer>', tools, reading).content).toBe('2');
  });

  test('marks of thinking are those of the configuration', () => {
    const reading = { thinking: [{ open: '[THINK]', close: '[/THINK]' }] };
    const text = '[THINK]<answer>1</answer>[/THINK]<answer>2</answer>';
    expect(parseAction(text, tools, reading).content).toBe('2');
    expect(parseAction('<think><answer>1</answer></think>', tools, reading).content).toBe('1');
    expect(parseAction('<think><answer>1</answer></think>', tools, { thinking: [] }).content).toBe('1');
  });

  test('the tag of a tool that the task has not is plain text', () => {
    expect(parseAction('<math_exp>1</math_exp>', tools.slice(0, 1)).kind).toBe('NONE');
    expect(parseAction('<math_exp>1</math_exp><answer>1</answer>', tools.slice(0, 1)).kind).toBe('ANSWER');
  });

  test('agrees with a regular expression, on any mixture of tags, thinking and text', () => {
    const parts = fc.constantFrom(
      ...['<answer>', '</answer>', '<math_exp>', '</math_exp>', '<think>', '</think>', 'x', ' ', '<', '</'],
    );
    const complete = /<(answer|math_exp)>((?:(?!<(?:answer|math_exp)>)[\s\S])*?)<\/\1>/;
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 10 }), (pieces) => {
        const text = pieces.join('');
        const opened = text.replace(/^(?:(?!<think>)[\s\S])*?<\/think>/, '');
        const acting = opened.replace(/<think>[\s\S]*?(?:<\/think>|$)/g, '');
        const content = complete.exec(acting)?.[2]?.trim() || null;
        expect(parseAction(text, tools).content).toBe(content);
        const end = actionEnd(text, tools);
        // What is sampled up to the end reads the same, and nothing shorter is an action.
        if (end === null) return;
        expect(parseAction(text.slice(0, end), tools)).toEqual(parseAction(text, tools));
      }),
      { numRuns: 5000 },
    );
  });

  test('a tag that an endpoint dropped with its stop sequence is given back', () => {
    expect(closeTag('so <math_exp>1+1', tools)).toBe('so <math_exp>1+1</math_exp>');
    expect(closeTag('<think><answer>1</think> <answer>2', tools)).toBe(
      '<think><answer>1</think> <answer>2</answer>',
    );
    for (const whole of ['', 'so it is 2', '<answer>2</answer> and <math_exp>', '<think><answer>1']) {
      expect(closeTag(whole, tools)).toBe(whole);
    }
  });

  test('reads megabytes of hostile text', () => {
    for (const piece of [
      '<',
      '<answer',
      '</',
      '<a',
      '<answer>',
      '<think>',
      '</think>',
      '<answer ',
      '<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ]) {
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
  const content = text.map((value) => value.trim()).filter((value) => /[^\s\p{Cc}\p{Cf}]/u.test(value));
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
    [{ kind: 'ANSWER', tool: null, content: '<answer>1' }, '', 'read as another (ANSWER)'],
    [{ kind: 'ANSWER', tool: null, content: '1</answer><math_exp>2</math_exp>' }, '', 'another (ANSWER)'],
    [{ kind: 'ANSWER', tool: null, content: '1' }, 'or <math_exp>1</math_exp>?', 'another (TOOL_CALL)'],
    [{ kind: 'ANSWER', tool: null, content: '1' }, 'hm <think>', 'no tool call and no answer'],
  ])('refuses what could not be read back: %j', (x, reasoning, message) => {
    expect(() => writeAction(x, { tools, reasoning })).toThrow(DataError);
    expect(() => writeAction(x, { tools, reasoning })).toThrow(message);
  });
});
