import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';
import { linesOf } from '../fixtures/cases.ts';

/** What people and models write, by kind: the value, or a refusal that names both readings. */

const gsm8k = new URL('../../../shared/data/gsm8k/train-1500.jsonl', import.meta.url);
const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
const { signal } = new AbortController();

const numberOf = (text: string) => Number(text.split(' (')[0]);

interface Case {
  readonly expression: string;
  readonly value: number | null;
}

/** The cases that do not come out as they should, with what is said of them; a value of null is a refusal. */
async function wrongOf(cases: readonly Case[]): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const { expression, value } of cases) {
    const { status, text } = await calculator.call(expression, { signal });
    const holds =
      value === null
        ? status === 'REFUSED'
        : status === 'OK' && Math.abs(numberOf(text) - value) <= 1e-9 * Math.max(1, Math.abs(value));
    if (!holds) wrong.push({ expression, value, text });
  }
  return wrong;
}

test.each(linesOf<Case>('calculator.jsonl'))('%s', async (_place, cases) => {
  expect(cases.length).toBeGreaterThan(100);
  expect(await wrongOf(cases)).toEqual([]);
});

test('agrees with SymPy, whole numbers to the last digit (test/fixtures/make-calculator.py)', async () => {
  const precise = await makeCalculator('calculator', calculatorConfig.parse({ digits: 12 }));
  const lines = readFileSync(new URL('../fixtures/calculator/sympy.jsonl', import.meta.url), 'utf8');
  const cases = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as [string, string]);
  const wrong: unknown[] = [];
  for (const [expression, expected] of cases) {
    const { status, text } = await precise.call(expression, { signal });
    const [over, under = '1'] = expected.split('/');
    const exact = Number(over) / Number(under);
    const holds = /^-?\d+$/.test(expected)
      ? text.split(' (')[0] === expected
      : Math.abs(numberOf(text) - exact) <= 1e-11 * Math.abs(exact);
    if (status !== 'OK' || !holds) wrong.push({ expression, expected, text });
  }
  expect(cases.length).toBeGreaterThan(1000);
  expect(wrong).toEqual([]);
});

test('reads what is written in many ways, and refuses what has no value or two', async () => {
  const lines = readFileSync(new URL('../fixtures/calculator/written.jsonl', import.meta.url), 'utf8');
  const cases = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as [string, number | null])
    .map(([expression, value]): Case => ({ expression, value }));
  expect(cases.length).toBeGreaterThan(800);
  expect(await wrongOf(cases)).toEqual([]);
});

describe('an observation says what was computed', () => {
  test.each([
    ['12 apples + 3 apples', '15 (computed as 12 + 3)'],
    ['15 percent of 200', '30 (computed as 15% * 200)'],
    ['3 1/2 * 2', '7 (computed as (3 + 1/2) * 2)'],
    ['10 % 3', '1 (computed as 10 mod 3)'],
    ['total = 5 + 3', '8 (computed as 5 + 3)'],
    ['5 + 3 = 9', '8 (computed as 5 + 3, which is not 9)'],
    ['2x + 3 = 11', '4 (x, which solves 2 * x + 3 = 11)'],
    ['50¢ * 4', '2 (computed as 50 / 100 * 4)'],
    ['two and a half times 4', '10 (computed as 5/2 * 4)'],
    ['4th root of 81', '3 (computed as root(81, 4))'],
    ['10 factorial', '3628800 (computed as 10!)'],
    ['sin²(30°)', '0.25 (computed as sin(30°)^2)'],
    ['3 out of 4', '0.75 (computed as 3 / 4)'],
    ['1/2 dozen', '6 (computed as 6)'],
    ['½k + ½ million', '500500 (computed as 500 + 500000)'],
    ['point five times quarter million', '125000 (computed as 5/10 * 250000)'],
    ['area = length * width = 5 * 3', '15 (computed as 5 * 3)'],
  ])('%s', async (expression, text) => {
    expect(await calculator.call(expression, { signal })).toMatchObject({ status: 'OK', text });
  });

  test.each([
    '5 + 3 =',
    '5 + 3 = 8',
    '3 × 4',
    '\\frac{3}{4} \\times 8',
    '$5 * 2',
    '1,000 + 1',
    '（２＋３）×４',
  ])('and nothing more where that is what is written: %s', async (expression) => {
    const { status, text } = await calculator.call(expression, { signal });
    expect(status).toBe('OK');
    expect(text).toMatch(/^-?[\d.]+$/);
  });
});

describe('what has two readings is refused with both named', () => {
  test.each([
    ['17 % (5)', ['17 mod', '17% *']],
    ['20 % - 5', ['20 mod', '20% -']],
    ['10 % sqrt(9)', ['10 mod', '10% *']],
    ['0x10', ['16', 'a product with 0']],
    ['3e 2', ['a power of ten', 'the constant e']],
    ['log(100)', ['ln', 'log10']],
    ['6 ÷ 2(1+2)', ['(6 / 2) * (1 + 2)', '6 / (2 * (1 + 2))']],
    ['3,5 * 2', ['decimal comma', 'numbers']],
    ['12:30 + 1', ['time of day', 'ratio']],
    ['5m * 2', ['millions', 'meters']],
    ['x^2 = 16', ['4', '-4']],
    ['200 + 15%', ['200 + 200 * 15%', '200 + 15% of 1']],
    ['5 hours + 30 minutes', ['hour', 'minute']],
    ['$5 + €3', ['$', 'eur']],
    ['$1 + 25 cents', ['dollar', 'cent']],
    ['25 of 200', ['25 * 200', '25 / 200']],
    ['20% increase of 150', ['20% * 150', '150 changed']],
    ['1/2% of 1000', ['(1/2)%', '1 / (2%)']],
    ['sin^-1(0.5)', ['the inverse function arcsin', 'a power of sin']],
    ['sin π/2', ['sin(pi / ...)', 'sin(pi) / ...']],
    ['√16!', ['sqrt(16!)', 'sqrt(16)!']],
    ['10 000 / 4', ['one number with blanks', 'two numbers']],
    ['101₂', ['separators', 'another base']],
    ['12/25/2020 - 5', ['a date', 'a calculation']],
  ])('%s', async (expression, readings) => {
    const { status, text } = await calculator.call(expression, { signal });
    expect(status).toBe('REFUSED');
    for (const reading of readings) expect(text).toContain(reading);
  });
});

test('old settings are kept: a largest value refuses what is above it', async () => {
  const bounded = await makeCalculator('calculator', calculatorConfig.parse({ maxValue: 1e15 }));
  expect(await bounded.call('10^16', { signal })).toMatchObject({ status: 'REFUSED' });
  expect(await bounded.call('10^15', { signal })).toMatchObject({ text: '1000000000000000' });
});

test('calls that differ in more than blanks are not the same call', () => {
  expect(calculator.callForm('3 1/2')).not.toBe(calculator.callForm('31/2'));
  expect(calculator.callForm(' 12*( 3+4 ) ')).toBe(calculator.callForm('12 * (3 + 4)'));
});

(existsSync(gsm8k) ? test : test.skip)(
  'all calculations of GSM8K, to the last digit (needs ../shared beside the checkout)',
  async () => {
    const marks = [...readFileSync(gsm8k, 'utf8').matchAll(/<<([^<>]*?)=([^<>=]*)>>/g)];
    const wrong: string[] = [];
    for (const [mark, expression = '', result = ''] of marks) {
      const { text } = await calculator.call(expression, { signal });
      if (Number(text) !== Number(result.replace(/[,$\s]/g, ''))) wrong.push(`${mark}: ${text}`);
    }
    expect(marks).toHaveLength(4753);
    expect(wrong).toEqual([]);
  },
);
