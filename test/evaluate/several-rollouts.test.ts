import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { majority, passAt, passCounts } from '../../src/evaluate/several-rollouts.ts';

/** All ways to choose k of n. */
function choices(n: number, k: number): number[][] {
  if (k === 0) return [[]];
  if (n < k) return [];
  return [...choices(n - 1, k), ...choices(n - 1, k - 1).map((rest) => [...rest, n - 1])];
}

test('pass@k is the share of choices of k rollouts that have a right one', () => {
  for (let count = 1; count <= 7; count++)
    for (let right = 0; right <= count; right++)
      for (let k = 1; k <= count; k++) {
        const all = choices(count, k);
        const passed = all.filter((chosen) => chosen.some((index) => index < right)).length;
        expect(passAt(k, { count, right })).toBeCloseTo(passed / all.length, 12);
      }
  expect(passAt(3, { count: 2, right: 1 })).toBeNaN();
});

test('pass@1 is the share that is right', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), (count, seed) => {
      const right = seed % (count + 1);
      expect(passAt(1, { count, right })).toBeCloseTo(right / count, 9);
    }),
  );
});

test('which k are told', () => {
  expect([1, 2, 3, 8, 10].map(passCounts)).toEqual([[1], [1, 2], [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 10]]);
});

test('the majority, by what answers say; of equally many the first; no answer has no vote', () => {
  const same = (a: string, b: string) => Number(a) === Number(b);
  expect(majority(['5', '6', '5.0'], same)).toBe(0);
  expect(majority(['6', '5', null, '5.0', null, null], same)).toBe(1);
  expect(majority(['6', '5'], same)).toBe(0);
  expect(majority([null, '7'], same)).toBe(1);
  expect(majority([null, null], same)).toBeNull();
  expect(majority([], same)).toBeNull();
});
