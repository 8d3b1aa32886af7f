import { describe, expect, test } from '@jest/globals';
import { NOTHING_FOUND } from '../../src/agent/tool.ts';
import { rulesJudge } from '../../src/judge/rules-judge.ts';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';
import { searchAmong, searchConfig } from '../../src/tools/search.ts';
import type { Action, Step, Verdict } from '../../src/topics/records.generated.ts';
import { answer, call, question, step } from '../records.ts';

const { signal } = new AbortController();
const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
const limits = searchConfig.parse({ corpus: 'unused' });
const search = searchAmong('search', [], { limits, deps: { now: () => 0 } });
const judge = rulesJudge({ tools: [calculator, search] });

function judging(action: Action, context: readonly Step[] = [], text = 'How many?'): Promise<Verdict> {
  const place = { id: 'q1/0/9', trajectory: 'q1/0', index: context.length, count: 99 };
  return judge.judge(
    { ...place, question: question({ text, answer: 'GOLD' }), context: [...context], action },
    { signal },
  );
}

const query = (content: string) =>
  call(content, { tool: 'search', text: `<search_query>${content}</search_query>` });
const found = step(
  query('Who wrote Faust?'),
  'Faust: Faust is a play by Johann Wolfgang von Goethe, who was 82, in 2 parts.',
);
const sum = step(call('2 + 3'), '5');

describe('calls', () => {
  test.each<[string, Action, Step[], string, string]>([
    ['an expression with a value', call('5*2'), [sum], 'GOOD', 'has a result: 10'],
    ['an expression without one', call('5/0'), [sum], 'BAD', 'has a result: Refused: division by zero'],
    ['text in the calculator', call('the sum'), [], 'BAD', 'has a result'],
    ['a repeated expression', call('2+3'), [sum], 'BAD', 'no repetition'],
    [
      'an expression repeated after a time-out',
      call('2+3'),
      [{ ...sum, observation: { tool: 'calculator', status: 'TIMED_OUT', text: '' } }],
      'GOOD',
      'has a result',
    ],
    ['a new query', query('Who was Faust?'), [found], 'GOOD', 'no repetition: this was not asked before'],
    ['a repeated query', query('who wrote the FAUST'), [found], 'BAD', 'no repetition: the same call'],
    [
      'a query that punctuation alone tells apart',
      query('C++'),
      [step(query('C'), 'a letter')],
      'GOOD',
      'no repetition',
    ],
    ['another number', query('1.5'), [step(query('15'), 'x')], 'GOOD', 'no repetition'],
    ['another sign', query('-5 degrees'), [step(query('5 degrees'), 'x')], 'GOOD', 'no repetition'],
    [
      'a number of the same value',
      query('12.0 eggs'),
      [step(query('12 eggs'), 'x')],
      'GOOD',
      'no repetition',
    ],
    ['a query in another script', query('Bragança'), [step(query('BRAGANÇA?'), 'x')], 'BAD', 'no repetition'],
    [
      'a call of an unknown tool with its keys in another order',
      call('{"b": 1, "a": [2]}', { tool: 'mcp' }),
      [step(call('{"a":[2],"b":1}', { tool: 'mcp' }), 'x')],
      'BAD',
      'no repetition: the same call',
    ],
    [
      'a call of an unknown tool in another case',
      call('X', { tool: 'mcp' }),
      [step(call('x', { tool: 'mcp' }), 'x')],
      'UNKNOWN',
      'known tools',
    ],
    ['the same text for another tool', query('2 + 3'), [sum], 'GOOD', 'no repetition'],
    ['a tool without a rule', call('x', { tool: 'mcp' }), [], 'UNKNOWN', 'known tools'],
    [
      'neither call nor answer',
      call('', { kind: 'NONE', tool: null, content: null }),
      [sum],
      'BAD',
      'well-formed',
    ],
  ])('%s', async (_, action, context, label, rationale) => {
    const verdict = await judging(action, context);
    expect(verdict).toMatchObject({ label, judge: 'rules' });
    expect(verdict.rationale).toContain(rationale);
  });
});

describe('answers', () => {
  const third = step(call('100/3'), '33.33333333');
  const refused: Step = {
    ...step(call('1/0'), ''),
    observation: { tool: 'calculator', status: 'REFUSED', text: 'Refused: 7.' },
  };
  const none: Step = {
    ...step(call('x'), ''),
    observation: { tool: null, status: 'NO_TOOL', text: 'No tool was used: 7.' },
  };

  test.each<[string, string, Step[], string, string]>([
    ['a result', '5', [sum], 'GOOD', 'one of them'],
    ['a result in other words', '$5.00', [sum], 'GOOD', 'one of them'],
    ['a result with another sign', '-5', [sum], 'BAD', 'none of them'],
    ['a result as a share of a hundred', '50%', [step(call('1/2'), '0.5')], 'GOOD', 'one of them'],
    ['a result, rounded', '33.33', [third], 'GOOD', 'rounded'],
    ['a result, rounded to a whole number', '33', [third], 'GOOD', 'rounded'],
    ['a result, rounded wrongly', '34', [third], 'BAD', 'none of them'],
    ['no result', '6', [sum], 'BAD', 'none of them'],
    ['a number of the question', '12', [sum], 'UNKNOWN', 'a number of the question'],
    ['a number in an article', '82', [found], 'GOOD', 'contain it'],
    ['a number that is part of another', '8', [found], 'UNKNOWN', 'worked out'],
    ['a name in an article', 'johann wolfgang von Goethe', [found], 'GOOD', 'contain it'],
    ['a part of a word in an article', 'Goe', [found], 'BAD', 'do not contain it'],
    ['a name that is not', 'Schiller', [found], 'BAD', 'do not contain it'],
    ['words that are there, apart', 'Goethe, Johann', [found], 'UNKNOWN', 'not together'],
    ['yes', 'Yes.', [found], 'UNKNOWN', 'no rule can tell'],
    ['nothing but signs', '?!', [found], 'UNKNOWN', 'no rule can tell'],
    ['before any result', 'Goethe', [], 'BAD', 'no result to answer from'],
    ['yes before any result', 'yes', [], 'BAD', 'no result to answer from'],
    ['after refusals and notes alone', '7', [refused, none], 'BAD', 'no result to answer from'],
    [
      'after a search that found nothing',
      'nothing',
      [step(query('x'), NOTHING_FOUND)],
      'BAD',
      'no result to answer from',
    ],
    ['the words of the query', 'wrote', [found], 'BAD', 'do not contain it'],
  ])('%s', async (_, content, context, label, rationale) => {
    const verdict = await judging(answer(content), context, 'Of 12 eggs, how many?');
    expect(verdict).toMatchObject({ label, judge: 'rules' });
    expect(verdict.rationale).toContain('follows from the results');
    expect(verdict.rationale).toContain(rationale);
  });

  test('the gold answer changes nothing', async () => {
    const verdict = await judging(answer('GOLD'), [sum]);
    expect(verdict.label).toBe('BAD');
  });
});
