import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseAction } from '../../src/agent/action.ts';
import type { Tool } from '../../src/agent/tool.ts';
import { textInput } from '../../src/input/input.ts';
import { agrees, readWorkedSolutions, type SolutionOptions } from '../../src/questions/worked-solutions.ts';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';
import { collect } from './collect.ts';

let calculator: Tool;
beforeAll(async () => {
  calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
});

const read = (answer: string, extra: Pick<SolutionOptions, 'maxSteps'> = {}) => {
  const input = textInput(JSON.stringify({ question: 'How many pens?', answer }), 'train.jsonl');
  return collect((options) => readWorkedSolutions(input, { ...options, ...extra }, { calculator }));
};

describe('worked solutions', () => {
  test('each mark becomes a call with the words before it; the last action is the answer', async () => {
    const { records, errors } = await read(
      'Six boxes hold 6*8 = <<6*8=48>>48 pens.\nHalf of them are 48/2 = <<48/2=24>>24 pens.\n#### 24',
    );
    expect(errors).toEqual([]);
    const [trajectory] = records;
    expect(trajectory).toMatchObject({ id: 'gsm8k:train:1/0', end: 'ANSWERED', answer: '24' });
    expect(trajectory?.steps.map(({ action }) => action.text)).toEqual([
      'Six boxes hold 6*8 =\n<math_exp>6*8</math_exp>',
      '48 pens.\nHalf of them are 48/2 =\n<math_exp>48/2</math_exp>',
      '24 pens.\n<answer>24</answer>',
    ]);
    expect(trajectory?.steps.map(({ observation }) => observation)).toEqual([
      { tool: 'calculator', status: 'OK', text: '48' },
      { tool: 'calculator', status: 'OK', text: '24' },
      null,
    ]);
    for (const { action } of trajectory?.steps ?? []) {
      const { kind, tool, content } = action;
      expect(parseAction(action.text, [calculator])).toEqual({ kind, tool, content });
      expect(action).toMatchObject({ tokens: null, logprobs: null, policy: 'gsm8k' });
    }
  });

  test('a solution without marks is one answer', async () => {
    const { records } = await read('It says so in the question.\n#### 7');
    expect(records[0]?.steps.map(({ action }) => action.text)).toEqual([
      'It says so in the question.\n<answer>7</answer>',
    ]);
  });

  test('the observation is the calculator’s own value where the solution rounds', async () => {
    const { records } = await read('A third is 1/3 = <<1/3=0.33>>0.33\n#### 0.33');
    expect(records[0]?.steps[0]?.observation?.text).toBe('0.3333333333');
  });

  test.each([
    [
      '6*8 = <<6*8=49>>49\n#### 49',
      'train.jsonl:1: the mark <<6*8=49>> does not hold: the calculator gives 48',
    ],
    ['<<6 and 8=48>>48\n#### 48', 'train.jsonl:1: the calculator does not take "6 and 8"'],
    ['<<6 boxes=48>>48\n#### 48', 'the mark <<6 boxes=48>> does not hold: the calculator gives 6'],
    ['<<6*8=>>48\n#### 48', 'expected a mark such as <<48/2=24>>, found <<6*8=>>'],
    ['<<6*8=48 pens\n#### 48', 'expected marks such as <<48/2=24>>, found "<<6*8=48 pens"'],
    ['<<6*8=48=48>>48\n#### 48', 'expected marks such as'],
    ['Say <answer>1</answer>.\n#### 48', 'train.jsonl:1: an action cannot be written in its tags'],
  ])('what does not fit is reported: %j', async (answer, message) => {
    const { records, errors } = await read(answer);
    expect(records).toEqual([]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(message);
  });

  test('a solution of more steps than the task allows is reported', async () => {
    const answer = '<<1+1=2>>2 <<2+1=3>>3\n#### 3';
    expect((await read(answer, { maxSteps: 3 })).records).toHaveLength(1);
    expect((await read(answer, { maxSteps: 2 })).errors[0]).toContain(
      'expected at most 2 steps, found a solution of 3',
    );
  });

  test.each([
    ['48', '48', true],
    ['1080', '1,080', true],
    ['0.3333333333', '0.33', true],
    ['0.6666666667', '0.67', true],
    ['0.6666666667', '0.66', true],
    ['0.6666666667', '0.65', false],
    ['2.5', '2', false],
    ['3.75', '$3.75', true],
    ['48', '', false],
    ['', '0', false],
    ['1e400', '1', false],
  ])('%s agrees with the stated %s: %s', (computed, stated, expected) => {
    expect(agrees(computed, stated)).toBe(expected);
  });
});
