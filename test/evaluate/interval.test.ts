import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { boundedMean, mean, pairedDifference, share } from '../../src/evaluate/interval.ts';

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

test('a bounded mean of zeros and ones is a share', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 60 }), (values) => {
      const expected = share(values.filter((value) => value === 1).length, values.length);
      const found = boundedMean(values, 10 * values.length);
      for (const key of ['mean', 'low', 'high', 'count'] as const)
        expect(found[key]).toBeCloseTo(expected[key], 10);
    }),
  );
});

test('intervals stay within their bounds, and more observations make them no wider', () => {
  const value = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      (pairs, k) => {
        const a = boundedMean(
          pairs.map(([first]) => first),
          k * pairs.length,
        );
        expect(a.low).toBeGreaterThanOrEqual(0);
        expect(a.high).toBeLessThanOrEqual(1);
        expect(a.low).toBeLessThanOrEqual(a.mean + 1e-12);
        expect(a.high).toBeGreaterThanOrEqual(a.mean - 1e-12);
        const single = boundedMean(pairs.map(([first]) => first));
        expect(a.high - a.low).toBeLessThanOrEqual(single.high - single.low + 1e-12);
        const difference = pairedDifference(pairs, k * pairs.length);
        expect(difference.low).toBeGreaterThanOrEqual(-1 - 1e-12);
        expect(difference.high).toBeLessThanOrEqual(1 + 1e-12);
        expect(difference.low).toBeLessThanOrEqual(difference.mean + 1e-12);
        expect(difference.high).toBeGreaterThanOrEqual(difference.mean - 1e-12);
        const other = pairedDifference(
          pairs.map(([first, second]) => [second, first]),
          k * pairs.length,
        );
        expect(other.mean).toBeCloseTo(-difference.mean, 12);
        expect(other.low).toBeCloseTo(-difference.high, 12);
      },
    ),
  );
});

/** A paired table: both right, only the first, only the second, none. */
function table(both: number, first: number, second: number, none: number): [number, number][] {
  return [
    ...Array(both).fill([1, 1]),
    ...Array(first).fill([1, 0]),
    ...Array(second).fill([0, 1]),
    ...Array(none).fill([0, 0]),
  ];
}

test('paired differences as published', () => {
  // Airway hyper-responsiveness, Bentur et al. (2009), in Fagerland, Lydersen and Laake (2014): Newcombe's
  // interval.
  const { mean: difference, low, high } = pairedDifference(table(1, 1, 7, 12));
  expect(difference).toBeCloseTo(-0.286, 3);
  expect(low).toBeCloseTo(-0.507, 3);
  expect(high).toBeCloseTo(-0.026, 3);
});

test('the paired interval covers the true difference about 95 times of 100', () => {
  // Every table of 25 questions, with its probability.
  const n = 25;
  const logFactorial = [0];
  for (let i = 1; i <= n; i++) logFactorial.push((logFactorial[i - 1] as number) + Math.log(i));
  for (const [both, first, second] of [
    [0.4, 0.1, 0.2],
    [0.2, 0.3, 0.1],
    [0.7, 0.05, 0.15],
    [0.1, 0.1, 0.1],
  ] as const) {
    const probabilities = [both, first, second, 1 - both - first - second];
    let covered = 0;
    for (let a = 0; a <= n; a++)
      for (let b = 0; a + b <= n; b++)
        for (let c = 0; a + b + c <= n; c++) {
          const counts = [a, b, c, n - a - b - c];
          const log = counts.reduce(
            (sum, x, i) => sum + x * Math.log(probabilities[i] as number) - (logFactorial[x] as number),
            logFactorial[n] as number,
          );
          const { low, high } = pairedDifference(table(a, b, c, n - a - b - c));
          if (low <= first - second && first - second <= high) covered += Math.exp(log);
        }
    expect(covered).toBeGreaterThan(0.93);
    expect(covered).toBeLessThan(0.99);
  }
});
