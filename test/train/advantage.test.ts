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

/** Rewards of actions at contexts, by number. */
function leaveOneOut(actions: readonly { readonly context: number; readonly reward: number }[]) {
  const steps = actions.map(({ context, reward }) => ({
    reward,
    subTrajectory: { trajectory: `q${context >> 1}/0`, index: context & 1 },
  }));
  return builtIn('leave-one-out').of(steps as AdvantageStep[], 1) as number[];
}

describe('advantages', () => {
  test('leave-one-out: minus the mean of the others at the same context, 0 where there are none or all are equal', () => {
    const action = fc.record({
      context: fc.integer({ min: 0, max: 5 }),
      reward: fc.integer({ min: -3, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), fc.constantFrom(1, 0.1), (actions, unit) => {
        const scaled = actions.map(({ context, reward }) => ({ context, reward: unit * reward }));
        const found = leaveOneOut(scaled);
        scaled.forEach(({ context, reward }, i) => {
          const others = scaled.filter((one, j) => j !== i && one.context === context);
          const mean = others.reduce((sum, one) => sum + one.reward, 0) / others.length;
          const flat = others.every((one) => one.reward === reward);
          if (flat) expect(found[i]).toBe(0);
          else expect(found[i]).toBeCloseTo(reward - mean, 12);
        });
      }),
    );
  });

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
