import { expect, test } from '@jest/globals';
import { mean, share } from '../../src/evaluate/interval.ts';

test('Wilson intervals as published', () => {
  // Newcombe (1998), Statistics in Medicine 17, table I, method 3.
  const published = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const;
  for (const [successes, count, low, high] of published) {
    const estimate = share(successes, count);
    expect(estimate.low).toBeCloseTo(low, 4);
    expect(estimate.high).toBeCloseTo(high, 4);
  }
});

test('the interval of a mean', () => {
  const { mean: average, low, high, count } = mean([1, 2, 3, 4, 5]);
  expect([average, count]).toEqual([3, 5]);
  // Standard error sqrt(2.5 / 5).
  expect(high - average).toBeCloseTo(1.95996 * Math.sqrt(0.5), 4);
  expect(average - low).toBeCloseTo(high - average, 12);
  expect(mean([1]).low).toBeNaN();
});
