import { describe, expect, test } from '@jest/globals';
import { Paces } from '../../src/device/paces.ts';

describe('Paces', () => {
  const step = { kind: 'sample', amount: 64 };
  const prompts = { kind: 'sample', amount: 1024 };

  test('the first time of a kind, which compiles, says nothing', () => {
    const paces = new Paces();
    expect(paces.expected(step)).toBe(0);
    paces.learn(step, 10_000);
    expect(paces.expected(step)).toBe(0);
    paces.learn(step, 4);
    expect(paces.expected(step)).toBe(4);
  });

  test('little work, which costs more a unit, does not make much work be waited for too long', () => {
    const paces = new Paces();
    for (let n = 0; n < 5; n++) {
      paces.learn(prompts, 16);
      for (let i = 0; i < 15; i++) paces.learn(step, 4);
      if (n > 0) expect(paces.expected(prompts)).toBeLessThanOrEqual(16);
      if (n > 0) expect(paces.expected(step)).toBeCloseTo(4);
    }
  });

  test('what is expected falls at once and rises slowly', () => {
    const paces = new Paces();
    for (const took of [1000, 100, 20]) paces.learn(step, took);
    expect(paces.expected(step)).toBeCloseTo(20);
    paces.learn(step, 500);
    expect(paces.expected(step)).toBeCloseTo(24);
  });

  test('half as much of the same power of two is expected to take half as long', () => {
    const paces = new Paces();
    for (const took of [1000, 30]) paces.learn({ kind: 'forward', amount: 127 }, took);
    expect(paces.expected({ kind: 'forward', amount: 64 })).toBeCloseTo((30 * 64) / 127);
    expect(paces.expected({ kind: 'backward', amount: 64 })).toBe(0);
  });
});
