/** Conditions that can never be met, against a search through what the measures can be. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { neverMet } from '../../src/monitor/alarm-ranges.ts';
import { parseWhere } from '../../src/monitor/where.ts';

/** Measures, with values of theirs: every quarter, and between the quarters, as far as they go. */
const steps = (from: number, to: number) =>
  Array.from({ length: (to - from) * 8 + 1 }, (_, i) => from + i / 8);
const MEASURES = {
  'share.BAD': steps(0, 1),
  'max.clippedShare': steps(0, 1),
  'mean.meanLogprob': steps(-4, 0),
  'lag.judge': steps(0, 4),
  'max.gradNorm': steps(0, 4),
  'min.meanReward': steps(-4, 4),
};
const comparison = fc.tuple(
  fc.constantFrom('==', '!=', '<', '<=', '>', '>='),
  fc.integer({ min: -12, max: 12 }).map((quarters) => quarters / 4),
);

test('what is refused is met by no value, and what is not refused by some', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.keys(MEASURES) as (keyof typeof MEASURES)[])),
      fc.array(comparison, { minLength: 1, maxLength: 3 }),
      (name, asked) => {
        const when = asked.map(([operator, value]) => `${name} ${operator} ${value}`).join(' and ');
        const [group = '', measure = ''] = name.split('.');
        const meets = parseWhere(when);
        const met = MEASURES[name].some((value) => meets({ [group]: { [measure]: value } }));
        expect([when, neverMet(when) === null]).toEqual([when, met]);
      },
    ),
    { numRuns: 2000 },
  );
});

test('each part between two `or` must be possible, each measure by itself', () => {
  expect(neverMet('share.BAD > 0.5 or share.failed >= 1.5')).toBe(
    'when "share.BAD > 0.5 or share.failed >= 1.5": at column 20, `share.failed` is a share, from 0 to 1: it is never >= 1.5',
  );
  expect(neverMet('share.BAD > 0.9 and share.GOOD > 0.5')).toBeNull();
  expect(neverMet('mean.meanReward > 1e9')).toBeNull();
  expect(neverMet('max.gradNorm == null')).toMatch('is never below 0: it is never == null');
});
