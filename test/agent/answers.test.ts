import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { answersMatch, parseNumber } from '../../src/agent/answers.ts';
import { linesOf } from '../fixtures/cases.ts';

interface Case {
  readonly golds: readonly string[];
  readonly answer: string;
  readonly same: boolean;
}

describe('answers and gold answers of each kind', () => {
  test.each(linesOf<Case>('answers.jsonl'))('%s', (_, cases) => {
    expect(cases.length).toBeGreaterThan(0);
    const wrong = cases.filter(({ golds, answer, same }) => answersMatch(answer, golds) !== same);
    expect(wrong).toEqual([]);
  });

  test('one gold answer or a list of it: the same, in both directions', () => {
    for (const [, cases] of linesOf<Case>('answers.jsonl')) {
      for (const { golds, answer, same } of cases.filter((line) => line.golds.length === 1)) {
        const gold = golds[0] as string;
        expect([gold, answer, answersMatch(answer, gold)]).toEqual([gold, answer, same]);
        expect([gold, answer, answersMatch(gold, answer)]).toEqual([gold, answer, same]);
      }
    }
  });
});

/** Ways to write a whole number from 1 to 9999 that leave no doubt about its value. */
const WAYS: readonly ((n: number) => string)[] = [
  (n) => `${n}`,
  (n) => `${n}.`,
  (n) => `${n}.0`,
  (n) => `$${n}.00`,
  (n) => `**${n}**`,
  (n) => `(${n})`,
  (n) => `\\boxed{${n}}`,
  (n) => `$\\boxed{${n}}$`,
  (n) => `${n} apples`,
  (n) => `${n} dollars.`,
  (n) => `${n}%`,
  (n) => `€${n}`,
  (n) => n.toLocaleString('en-US'),
  (n) => n.toLocaleString('de-CH'),
  (n) => n.toLocaleString('fr-FR'),
  (n) => `${n.toLocaleString('en-US')}.00`,
  (n) => n.toExponential(),
  (n) => `${n / 1000} thousand`,
  (n) => `${2 * n}/2`,
  (n) => `\\frac{${3 * n}}{3}`,
  (n) => `The answer is ${n}.`,
  (n) => `So the total is $${n}$`,
  (n) => `1 + ${n - 1} = ${n}`,
  (n) => `First I add.\n#### ${n}`,
  (n) => [...`${n}`].map((digit) => String.fromCodePoint(0x660 + Number(digit))).join(''),
  (n) => [...`${n}`].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join(''),
];
/** Ways to write something with a whole number in it that is not that number. */
const OTHERS: readonly ((n: number) => string)[] = [
  (n) => `-${n}`,
  (n) => `−${n}`,
  (n) => `${n}.5`,
  (n) => `${n} 1/2`,
  (n) => `${n}½`,
  (n) => `${n} million`,
  (n) => `${n}k`,
  (n) => `1/${n + 1}`,
  (n) => `${n}:30`,
  (n) => `${n}-${n + 1}`,
  (n) => `${n} to ${n + 1}`,
  (n) => `${n} or ${n + 1}`,
  (n) => `version ${n}`,
  (n) => `${n}.${n}.${n}`,
  (n) => `not ${n}`,
  (n) => `more than ${n}`,
  (n) => `${n}²¹`,
  (n) => `${n}x`,
  (n) => `${n}th`,
  (n) => `May ${n}`,
  (n) => `0.00${n}`,
  (n) => `1${n}`,
  (n) => `The answer is ${n}. The answer is ${n + 1}.`,
  (n) => `\\boxed{${n}}, \\boxed{${n + 1}}`,
];
const way = fc.constantFrom(...WAYS);
const whole = fc.integer({ min: 2, max: 9999 });

describe('numbers', () => {
  test('however two numbers are written, they match where they are equal and nowhere else', () => {
    fc.assert(
      fc.property(whole, whole, way, way, (a, b, writeA, writeB) => {
        const [answer, gold] = [writeA(a), writeB(b)];
        const percents = [answer, gold].filter((text) => text.endsWith('%')).length;
        // Money and things, or two currencies, are units that differ; per cent may be a hundredth.
        fc.pre(percents === 0 && [answer, gold].every((text) => !/[€]|apples|dollars|^\$\d/.test(text)));
        expect([answer, gold, answersMatch(answer, gold)]).toEqual([answer, gold, a === b]);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(whole, whole, way, (a, b, write) => {
        fc.pre(a !== 100 * b && b !== 100 * a);
        expect([write(a), b, answersMatch(write(a), `${b}`)]).toEqual([write(a), b, a === b]);
      }),
      { numRuns: 2000 },
    );
  });

  test('what is only like a number is none', () => {
    fc.assert(
      fc.property(whole, fc.constantFrom(...OTHERS), way, (n, write, writeGold) => {
        expect([write(n), writeGold(n), answersMatch(write(n), writeGold(n))]).toEqual([
          write(n),
          writeGold(n),
          false,
        ]);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['10', 10],
    ['-$5', -5],
    ['$-5', -5],
    ['30%', 30],
    ['12 miles per hour', 12],
    ['1,234,567.50', 1234567.5],
    ['1e300', 1e300],
    ['1/8', 0.125],
    ['1e-300', 1e-300],
    ['ten', 10],
  ])('parseNumber(%j) is %d', (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  test.each(['', ' ', '.', '-', '$', '1 2', '10 to 12', '--5', '1e999', 'x12', '12:30', '1/0', '0x10'])(
    'parseNumber(%j) is none',
    (text) => {
      expect(parseNumber(text)).toBeNull();
    },
  );
});

test('any text matches itself, unless it is blank', () => {
  const piece = fc.constantFrom(
    ...'0 1 9 , . / - + $ % ( ) a the C++ \\frac { } ½ ² : million and'.split(' '),
  );
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(' ')),
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(answersMatch(a, a)).toBe(a.trim() !== '');
      expect(answersMatch(a, b)).toBe(answersMatch(b, a));
    }),
    { numRuns: 2000 },
  );
});

test('takes hostile text', () => {
  const hostile = [
    '1',
    '1,',
    ' ',
    'a ',
    '-',
    '$',
    '\\boxed{',
    '\\frac{1}{',
    '{',
    '(',
    '"',
    '*a',
    '²',
    '٤',
    'C#',
    '+',
    '12',
  ]
    .map((part) => part.repeat(50_000))
    .concat(`0.${'12'.repeat(50_000)}...`, `C${'+'.repeat(50_000)}`, `1${' '.repeat(50_000)}x`);
  for (const text of hostile) {
    expect(answersMatch(text, [`${text}!`, '1'])).toBeDefined();
    expect(answersMatch(text, '1')).toBe(false);
  }
});

interface Pair extends Record<string, unknown> {
  readonly gold: string;
  readonly answer: string;
}
interface Difference {
  readonly ours: boolean;
  readonly reason: string;
  readonly pairs: readonly (readonly [gold: string, answer: string])[];
}

describe('beside math-verify and lm-evaluation-harness', () => {
  const folder = new URL('../fixtures/answers/', import.meta.url);
  const { pairs } = JSON.parse(readFileSync(new URL('pairs.json', folder), 'utf8')) as { pairs: Pair[] };
  const listed = JSON.parse(readFileSync(new URL('differences.json', folder), 'utf8')) as Record<
    string,
    Difference[]
  >;
  const matchers = Object.keys(pairs[0] ?? {}).filter((key) => key !== 'gold' && key !== 'answer');

  test('at least 300 pairs, and four matchers', () => {
    expect(pairs.length).toBeGreaterThanOrEqual(300);
    expect(new Set(pairs.map(({ gold, answer }) => JSON.stringify([gold, answer]))).size).toBe(pairs.length);
    expect(Object.keys(listed).sort()).toEqual([...matchers].sort());
    expect(matchers).toHaveLength(4);
  });

  test.each(matchers)('%s: every difference is listed with its reason, and no other', (matcher) => {
    const found = pairs.flatMap((pair) => {
      const ours = answersMatch(pair.answer, pair.gold);
      return ours === pair[matcher] ? [] : [JSON.stringify([ours, pair.gold, pair.answer])];
    });
    const known = (listed[matcher] ?? []).flatMap(({ ours, reason, pairs: theirs }) => {
      expect(reason.length).toBeGreaterThan(20);
      return theirs.map(([gold, answer]) => JSON.stringify([ours, gold, answer]));
    });
    expect(found.sort()).toEqual(known.sort());
  });
});
