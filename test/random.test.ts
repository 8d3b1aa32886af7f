import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normal, philox, seedFor, uniform } from '../src/random.ts';

const hex = (words: readonly number[]) => words.map((w) => w.toString(16).padStart(8, '0')).join(' ');

describe('Philox4x32-10', () => {
  // The known answers published with Random123 (tests/kat_vectors).
  test.each([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ] as const)('counter %j, key %j', (counter, key, expected) => {
    expect(hex(philox(counter, key))).toBe(expected);
  });
});

describe('uniform', () => {
  test('is in [0, 1), a multiple of 2^-24, and the same whenever it is asked', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(), (seed, position) => {
        const u = uniform(seed, position);
        expect(u).toBeGreaterThanOrEqual(0);
        expect(u).toBeLessThan(1);
        expect(Math.fround(u)).toBe(u);
        expect(Number.isInteger(u * 2 ** 24)).toBe(true);
        expect(uniform(seed, position)).toBe(u);
      }),
    );
  });

  test('is spread evenly over positions: chi-square over 64 bins', () => {
    const bins = new Array<number>(64).fill(0);
    const draws = 64_000;
    for (let i = 0; i < draws; i++) bins[Math.floor(uniform(7n, i) * 64)] += 1;
    const chi2 = bins.reduce((sum, n) => sum + (n - draws / 64) ** 2 / (draws / 64), 0);
    expect(chi2).toBeGreaterThan(30); // 63 degrees of freedom: 99.99% lie in (30, 113)
    expect(chi2).toBeLessThan(113);
  });

  test('all bits of the seed and of the position count', () => {
    const base = uniform(0n, 0);
    for (let bit = 0n; bit < 64n; bit++) expect(uniform(1n << bit, 0)).not.toBe(base);
    for (let bit = 0; bit < 53; bit++) expect(uniform(0n, 2 ** bit)).not.toBe(base);
  });
});

test('normal has mean 0, variance 1 and kurtosis 3', () => {
  const n = 50_000;
  const draws = Array.from({ length: n }, (_, i) => normal(11n, i));
  const moment = (k: number) => draws.reduce((sum, x) => sum + x ** k, 0) / n;
  expect(Math.abs(moment(1))).toBeLessThan(0.02);
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03);
  expect(Math.abs(moment(4) - 3)).toBeLessThan(0.2);
});

describe('seedFor', () => {
  test('is the first eight bytes of SHA-256, little-endian', () => {
    const digest = createHash('sha256').update('42:q17/2/0').digest('hex').slice(0, 16);
    const bytes = digest.match(/../g) ?? [];
    expect(seedFor(42, 'q17/2/0')).toBe(BigInt(`0x${bytes.reverse().join('')}`));
  });

  test('differs by run and by id', () => {
    const seeds = [seedFor(1, 'a'), seedFor(2, 'a'), seedFor(1, 'b'), seedFor(11, ''), seedFor(1, '1')];
    expect(new Set(seeds).size).toBe(seeds.length);
  });
});
