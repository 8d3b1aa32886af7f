import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { answersMatch, exactMatch, f1, normalizeAnswer, parseNumber } from '../../src/agent/answers.ts';

describe('parseNumber', () => {
  test.each([
    ['10', 10],
    ['10.00', 10],
    ['$10', 10],
    ['$10.00', 10],
    ['10.', 10],
    ['1,000', 1000],
    ['$1,234,567.50', 1234567.5],
    ['-5', -5],
    ['-$5', -5],
    ['$-5', -5],
    ['−5', -5],
    ['.5', 0.5],
    ['30%', 30],
    ['12 apples', 12],
    ['12 miles per hour', 12],
    ['10 dollars.', 10],
    ['5€', 5],
    ['1e3', 1000],
    ['007', 7],
    [' 72\n', 72],
    ['１０', 10],
  ])('%j is %d', (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  test.each([
    '',
    ' ',
    '.',
    '-',
    '$',
    'ten',
    '1,00',
    '1 2',
    '1/2',
    '10 to 12',
    '--5',
    '1e999',
    'x12',
    '12:30',
  ])('%j is none', (text) => {
    expect(parseNumber(text)).toBeNull();
  });

  test('any number as JavaScript, English and accountants write it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(99), (whole, cents) => {
        const text = `${whole}.${String(cents).padStart(2, '0')}`;
        expect(parseNumber(text)).toBe(Number(text));
        expect(parseNumber(`$${whole.toLocaleString('en-US')}`)).toBe(whole);
        expect(answersMatch(`${whole} units`, `${whole}.00`)).toBe(true);
        expect(answersMatch(`${whole + 1}`, `${whole}`)).toBe(false);
      }),
    );
  });

  test('takes hostile text', () => {
    for (const text of [
      '1'.repeat(1e6),
      '1,'.repeat(1e6),
      `1${' '.repeat(1e6)}`,
      `1 ${'a '.repeat(1e6)}`,
      '-'.repeat(1e6),
    ]) {
      expect(() => parseNumber(text)).not.toThrow();
    }
  });
});

test.each([
  ['The Beatles', 'beatles', true],
  ['  an  Apple, a day! ', 'apple day', true],
  ['New York City', 'new york', false],
  ['Theatre', 'atre', false],
  ['U.S.', 'US', true],
  ['$10.00', '10', true],
  ['10.5', '10', false],
  ['10,5', '10', false],
  ['yes.', 'Yes', true],
  ['yes', 'no', false],
  ['', 'a', false],
  ['the', 'a', false],
  ['!', '!', true],
  ['2 1 3', '213', false],
  ['1984', '1984 (novel)', false],
  ['twelve', '12', false],
  ['7 days', '7', true],
  ['7 Days', '7 nights', false],
  ['7 Days', '7 days.', true],
])('answersMatch(%j, %j) is %s', (answer, gold, expected) => {
  expect(answersMatch(answer, gold)).toBe(expected);
  expect(answersMatch(gold, answer)).toBe(expected);
});

test('the normal form is normal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
      const normal = normalizeAnswer(text);
      expect(exactMatch(text, text)).toBe(true);
      expect(normal).not.toMatch(/\s\s|^\s|\s$|\b(?:a|an|the)\b/);
      expect(f1(text, text)).toBe(1);
    }),
  );
});

test.each([
  ['the cat sat', 'a cat sat', 1],
  ['cat', 'cat sat', 2 / 3],
  ['cat cat', 'cat sat', 0.5],
  ['dog', 'cat', 0],
  ['yes it is', 'yes', 0],
  ['yes', 'yes', 1],
  ['no', 'yes', 0],
  ['', 'cat', 0],
])('f1(%j, %j) is %d', (answer, gold, expected) => {
  expect(f1(answer, gold)).toBeCloseTo(expected, 12);
  expect(f1(gold, answer)).toBeCloseTo(expected, 12);
});
