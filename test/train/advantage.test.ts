import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AdvantageStep } from '../../src/parts/calls.ts';
import { builtIn } from '../../src/train/advantage.ts';

function advantages(rewards: readonly number[], name: 'reward' | 'centered') {
  return builtIn(name).of(
    rewards.map((reward) => ({ reward }) as AdvantageStep),
    1,
  );
}

describe('advantages', () => {
  test('reward: the reward itself', () => {
    expect(advantages([1, 0, -2], 'reward')).toEqual([1, 0, -2]);
  });

  test('centered: minus the mean of the batch', () => {
    expect(advantages([1, 0, 0, 3], 'centered')).toEqual([0, -1, -1, 2]);
  });

  test('centered: rewards without variance have advantage exactly 0, whatever rounding does to their mean', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 1, max: 40 }),
        (reward, n) => {
          expect(advantages(new Array(n).fill(reward), 'centered')).toEqual(new Array(n).fill(0));
        },
      ),
    );
  });
});
