import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatNumber } from '../../src/tools/calculator/format.ts';
import { calculatorConfig, makeCalculator } from '../../src/tools/calculator.ts';

const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
const signal = new AbortController().signal;

async function answer(expression: string): Promise<string> {
  const { tool, text } = await calculator.call(expression, { signal });
  expect(tool).toBe('calculator');
  return text;
}

test.each([
  ['48/2', '24'],
  ['0.1+0.2', '0.3'],
  ['1/3', '0.3333333333'],
  ['100/3', '33.33333333'],
  ['-2^2', '-4'],
  ['2^3^2', '512'],
  ['2**3', '8'],
  ['3 x 4', '12'],
  ['3×4÷6', '2'],
  ['7 − 9', '-2'],
  ['$12 * 5', '60'],
  ['$1,234,567.5 * 2', '2469135'],
  ['(1,000)+1', '1001'],
  ['max(100, 200)', '200'],
  ['min(3,1,2)', '1'],
  ['30%', '0.3'],
  ['200 * 10%', '20'],
  ['1-20%', '0.8'],
  ['50%+20%-10%', '0.6'],
  ['2(3+4)', '14'],
  ['(1+2)(3+4)', '21'],
  ['5!', '120'],
  ['-7 mod 3', '2'],
  ['round(2.5)', '3'],
  ['round(-2.5)', '-3'],
  ['round(1.005, 2)', '1.01'],
  ['gcd(12, 18) + lcm(4, 6)', '18'],
  ['mean(1, 2, 6)', '3'],
  ['123456789*987654', '121932591483006'],
  ['0*-5', '0'],
  ['1e3', '1000'],
])('%s is %s', async (expression, expected) => {
  expect(await answer(expression)).toBe(expected);
});

test.each([
  ['9^9^9^9', 'too large'],
  ['9!!', 'a double factorial'],
  ['((9!)!)!', 'too large'],
  ['1000000!', 'too large'],
  ['10^200', 'too large'],
  ['-(10^200)', 'too large'],
  ['1e400', 'too large'],
  ['9'.repeat(400), 'too large'],
  ['9'.repeat(401), 'longer than 400'],
  ['Infinity', '"Infinity" is not known'],
  ['1/0', 'division by zero'],
  ['0/0', 'division by zero'],
  ['5 mod 0', 'division by zero'],
  ['0^-1', 'division by zero'],
  ['sqrt(-1)', 'not a real number'],
  ['(-8)^(1/3)', 'not a real number'],
  ['NaN', '"NaN" is not known'],
  ['0.5!', 'whole number'],
  ['(-1)!', 'whole number'],
  ['gcd(0.5, 1)', 'whole numbers'],
  ['', 'nothing to calculate'],
  [' $ ', 'nothing to calculate'],
  ['(', 'cannot be read'],
  ['('.repeat(33), 'nested deeper than 32'],
  ['sqrt('.repeat(33), 'nested deeper than 32'],
  ['1)', 'closed and not opened'],
  ['1,2', 'a decimal comma'],
  ['1.234,567', 'a decimal comma'],
  ['max(1,000, 2)', 'no comma inside a number'],
  ['50%(200)', '50 mod ... or as 50% * ...'],
  ['200 + 10%', '200 * 10%'],
  ['1/2(3)', 'next to a division'],
  ['6/(2)(3)', 'next to a division'],
  ['f(x)=x', '"x" is not known'],
  ['i', '"i" is not known'],
  ['y', '"y" is not known'],
  ['import("fs")', '"import" is not known'],
  ['import(fs)', '"import" is not known'],
  ['constructor', '"constructor" is not known'],
  ['constructor()', '"constructor" is not known'],
  ['toString()', '"toString" is not known'],
  ['valueOf', '"valueOf" is not known'],
  ['pi.constructor', 'is not arithmetic'],
  ['sqrt.constructor(1)', 'is not arithmetic'],
  ['cos(sin)', 'cannot be read'],
  ['__proto__', 'is not known'],
  ['evaluate("1")', '"evaluate" is not known'],
  ["'a'", '"a" is not known'],
  ['[1,2]', 'a decimal comma'],
  ['{a:1}', 'is not arithmetic'],
  ['1;2', 'is not arithmetic'],
  ['1:10^9', 'a ratio'],
  ['1 # 2', 'is not arithmetic'],
  ['true', 'is not known'],
  ['1 and 1', 'cannot be read'],
  ['5 to 3', 'cannot be read'],
  ['2 .* 3', 'is not arithmetic'],
  ['round(1, 400)', '0 to 15 digits'],
  ['round(1, 2, 3)', 'cannot be given 3'],
  ['min()', 'cannot be given 0'],
  ['\u0000', 'is not arithmetic'],
])('%j is refused: %s', async (expression, reason) => {
  const observation = await calculator.call(expression, { signal });
  expect(observation).toMatchObject({ tool: 'calculator', status: 'REFUSED' });
  expect(observation.text).toContain(`Refused: `);
  expect(observation.text).toContain(reason);
  expect(observation.text.length).toBeLessThan(300);
});

describe('properties', () => {
  /** An exact fraction, and the expression it is the value of. */
  interface Exact {
    readonly text: string;
    readonly over: bigint;
    readonly under: bigint;
  }
  const number = fc.nat(99).map((n): Exact => ({ text: String(n), over: BigInt(n), under: 1n }));
  const tree = fc.letrec<{ exact: Exact }>((tie) => ({
    exact: fc.oneof(
      { maxDepth: 4 },
      number,
      fc.tuple(fc.constantFrom('+', '-', '*', '/'), tie('exact'), tie('exact')).map(([op, a, b]): Exact => {
        const text = `(${a.text} ${op} ${b.text})`;
        if (op === '+') return { text, over: a.over * b.under + b.over * a.under, under: a.under * b.under };
        if (op === '-') return { text, over: a.over * b.under - b.over * a.under, under: a.under * b.under };
        if (op === '*') return { text, over: a.over * b.over, under: a.under * b.under };
        return { text, over: a.over * b.under, under: a.under * b.over };
      }),
    ),
  })).exact;

  test('agrees with exact fractions', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async ({ text, over, under }) => {
        const { status, text: result } = await calculator.call(text, { signal });
        if (under === 0n) {
          expect(status).toBe('REFUSED');
        } else if (status === 'OK') {
          const exact = Number(over) / Number(under);
          expect(Math.abs(Number(result) - exact)).toBeLessThanOrEqual(Math.abs(exact) * 1e-9);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('any mixture of the alphabet gives a finite number or a refusal, and throws never', async () => {
    const piece = fc.constantFrom(
      ...'0 1 9 99 . , + - * / ^ ! % ( ) x e pi sqrt( max( mod( round( factorial( ** 1e9 - ( ) mod to'.split(
        ' ',
      ),
      ' ',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const { status, text } = await calculator.call(pieces.join(''), { signal });
        if (status === 'OK') expect(Number.isFinite(Number(text.split(' (')[0]))).toBe(true);
        else expect(status).toBe('REFUSED');
      }),
      { numRuns: 2000 },
    );
  });

  test('any text at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 500 }), async (text) => {
        expect(['OK', 'REFUSED']).toContain((await calculator.call(text, { signal })).status);
      }),
      { numRuns: 1000 },
    );
  });
});

test('the longest and deepest expressions that the configuration allows', async () => {
  const wide = await makeCalculator('calculator', calculatorConfig.parse({ maxLength: 2000, maxDepth: 64 }));
  const expected: [string, string][] = [
    [`${'1+'.repeat(999)}1`, '1000'],
    [`${'-'.repeat(1998)}1`, '1'],
    [`${'1^'.repeat(999)}1`, '1'],
    [`${'('.repeat(64)}1${')'.repeat(64)}`, '1'],
    [`${'abs('.repeat(64)}1${')'.repeat(64)}`, '1'],
    [`1${'%'.repeat(20)}`, '1e-40'],
    [`max(${'7, '.repeat(600)}8)`, '8'],
  ];
  for (const [expression, value] of expected) {
    expect(await wide.call(expression, { signal })).toEqual({
      tool: 'calculator',
      status: 'OK',
      text: value,
    });
  }
});

test('an aborted call says so', async () => {
  const reason = new Error('stop');
  await expect(calculator.call('1', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test.each([
  [0.1 + 0.2, 10, '0.3'],
  [123456789012.5, 10, '123456789013'],
  [1e15, 10, '1000000000000000'],
  [2.5, 1, '3'],
])('formatNumber(%d, %d)', (value, digits, text) => {
  expect(formatNumber(value, digits)).toBe(text);
});
