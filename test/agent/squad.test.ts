import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exactMatch, f1, normalizeAnswer } from '../../src/agent/answers.ts';

interface Scored {
  readonly answer: string;
  readonly gold: string;
  readonly normal: string;
  readonly exact: boolean;
  readonly squadF1: number;
  readonly hotpotF1: number;
}

const { texts } = JSON.parse(
  readFileSync(new URL('../fixtures/answers/pairs.json', import.meta.url), 'utf8'),
) as { texts: Scored[] };

test.each(texts)('as the official scripts score $answer against $gold', (scored) => {
  const { answer, gold, normal, exact, squadF1, hotpotF1 } = scored;
  expect(normalizeAnswer(answer)).toBe(normal);
  expect(exactMatch(answer, gold)).toBe(exact);
  expect(f1(answer, gold)).toBeCloseTo(hotpotF1, 12);
  // They differ by HotPotQA's rule for yes, no and noanswer alone.
  if (squadF1 !== hotpotF1)
    expect([normal, normalizeAnswer(gold)].some((text) => /^(?:yes|no|noanswer)$/.test(text))).toBe(true);
});

test('a decomposed letter does not lose its base to the articles', () => {
  expect(normalizeAnswer('A\u0301 the')).toBe('a\u0301');
});

test('of several gold answers the best counts', () => {
  expect(exactMatch('Röntgen', ['Wilhelm Conrad Röntgen', 'röntgen'])).toBe(true);
  expect(f1('the cat', ['dog', 'cat sat', 'a cat'])).toBe(1);
  expect(f1('cat', ['dog', 'cat sat'])).toBeCloseTo(2 / 3, 12);
  expect(exactMatch('cat', [])).toBe(false);
  expect(f1('cat', [])).toBe(0);
});

test('the normal form is normal, and F1 is symmetric', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const normal = normalizeAnswer(a);
      expect(exactMatch(a, a)).toBe(true);
      expect(normal).not.toMatch(/ {2}|^ | $|(?<![\p{L}\p{N}\p{M}_])(?:a|an|the)(?![\p{L}\p{N}\p{M}_])/u);
      expect(f1(a, a)).toBe(normal === '' ? 0 : 1);
      expect(f1(a, b)).toBeCloseTo(f1(b, a), 12);
    }),
  );
});
