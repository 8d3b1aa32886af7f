/** Intervals of paired differences of records that resemble each other, checked by simulation and by leaving out. */
import { describe, expect, test } from '@jest/globals';
import { boundedMean, mean, pairedDifference } from '../../src/evaluate/interval.ts';
import { groupedDifference, type PairedGroup } from '../../src/evaluate/paired-groups.ts';
import { uniform } from '../../src/random.ts';

const Z = 1.959963984540054;

/** Numbers from 0 to 1, the same for the same seed. */
function draws(seed: number): () => number {
  let index = 0;
  return () => uniform(BigInt(seed), index++);
}

/**
 * Questions with 1 to 5 records; of each question it depends on a coin of its own whether both runs tend to
 * have 1. The truth: 0.5 and 0.6, whatever the sizes.
 */
function sample(groups: number, draw: () => number): PairedGroup[] {
  return Array.from({ length: groups }, () => {
    const count = 1 + Math.floor(draw() * 5);
    const easy = draw() < 0.5;
    const group = { count, was: 0, is: 0 };
    for (let record = 0; record < count; record++) {
      if (draw() < (easy ? 0.9 : 0.1)) group.was++;
      if (draw() < (easy ? 0.95 : 0.25)) group.is++;
    }
    return group;
  });
}

/** As if records had nothing to do with each other. */
const apart = (groups: readonly PairedGroup[]) =>
  groups.flatMap(({ count, was, is }) =>
    Array.from({ length: count }, (_, n) => ({ count: 1, was: Number(n < was), is: Number(n < is) })),
  );

describe('the interval of a difference', () => {
  const samples = Array.from({ length: 600 }, (_, seed) => sample(40, draws(seed + 1)));
  const covered = (groups: readonly (readonly PairedGroup[])[], isShare: boolean) => {
    const hits = groups.filter((some) => {
      const { low, high } = groupedDifference(some, { isShare }).difference;
      return low <= 0.1 && 0.1 <= high;
    });
    return hits.length / groups.length;
  };

  test.each([true, false])('holds the truth in 95 of 100 samples (as a share: %p)', (isShare) => {
    // Of 600 samples the share is within 0.018 of its own mean.
    expect(covered(samples, isShare)).toBeGreaterThan(0.925);
    expect(covered(samples, isShare)).toBeLessThan(0.985);
  });

  test('of one run alone would hold it less often, were its records taken for independent', () => {
    const misses = (weighted: boolean) =>
      samples.filter((groups) => {
        const of = weighted ? groups : apart(groups);
        const values = of.map(({ count, was }) => was / count);
        const weights = of.map(({ count }) => count);
        const { low, high } = boundedMean(values, apart(groups).length, weights);
        return low > 0.5 || high < 0.5;
      }).length / samples.length;
    expect(misses(true)).toBeLessThan(0.075);
    expect(misses(false)).toBeGreaterThan(0.12);
  });

  test('is as wide as the jackknife finds it, which leaves out one question after the other', () => {
    for (const seed of [1, 2, 3]) {
      const groups = sample(200, draws(1000 + seed));
      const ratio = (some: readonly PairedGroup[]) =>
        some.reduce((sum, { was, is }) => sum + is - was, 0) /
        some.reduce((sum, { count }) => sum + count, 0);
      const left = groups.map((_, n) => ratio([...groups.slice(0, n), ...groups.slice(n + 1)]));
      const average = left.reduce((a, b) => a + b, 0) / left.length;
      const variance =
        ((left.length - 1) / left.length) * left.reduce((sum, one) => sum + (one - average) ** 2, 0);
      for (const isShare of [true, false]) {
        const { difference } = groupedDifference(groups, { isShare });
        expect(difference.mean).toBeCloseTo(ratio(groups), 12);
        const half = (difference.high - difference.low) / 2;
        expect(half / (Z * Math.sqrt(variance))).toBeGreaterThan(0.93);
        expect(half / (Z * Math.sqrt(variance))).toBeLessThan(1.07);
      }
    }
  });
});

test('weights that are all alike change nothing, and records of a question that are all alike count as one', () => {
  const draw = draws(5);
  const pairs = Array.from({ length: 30 }, () => [draw() < 0.7 ? 1 : 0, draw() < 0.5 ? 1 : 0] as const);
  const plain = pairedDifference(pairs);
  for (const count of [1, 4]) {
    const groups = pairs.map(([is, was]) => ({ count, was: count * was, is: count * is }));
    const found = groupedDifference(groups, { isShare: true }).difference;
    for (const key of ['mean', 'low', 'high', 'count'] as const)
      expect(found[key]).toBeCloseTo(plain[key], 10);
  }
  const values = pairs.map(([is, was]) => is - was);
  const weighted = mean(
    values,
    values.map(() => 3),
  );
  for (const key of ['mean', 'low', 'high'] as const)
    expect(weighted[key]).toBeCloseTo(mean(values)[key], 12);
});
