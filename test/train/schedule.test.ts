import { describe, expect, test } from '@jest/globals';
import { scheduleConfig } from '../../src/train/config.ts';
import { learningRateAt } from '../../src/train/schedule.ts';

const rates = (settings: unknown, steps: readonly number[]) => {
  const schedule = scheduleConfig.parse(settings);
  return steps.map((step) => learningRateAt(schedule, step));
};

describe('learningRateAt', () => {
  test('constant after a linear warm-up', () => {
    expect(rates({ kind: 'constant', learningRate: 0.4, warmupSteps: 4 }, [1, 2, 3, 4, 5, 1000])).toEqual([
      0.1, 0.2, 0.30000000000000004, 0.4, 0.4, 0.4,
    ]);
  });

  test.each([
    // get_linear_schedule_with_warmup(optimizer, 0, 4) at its steps 0 to 4: max(0, (4 - k) / 4).
    ['linear', [1, 0.75, 0.5, 0.25, 0]],
    // get_cosine_schedule_with_warmup(optimizer, 0, 4): (1 + cos(pi k / 4)) / 2.
    ['cosine', [1, 0.8535533905932737, 0.5, 0.14644660940672627, 0]],
  ])("%s, without a warm-up: the rates of transformers' schedulers", (kind, expected) => {
    const found = rates({ kind, learningRate: 1, totalSteps: 4 }, [1, 2, 3, 4, 5]);
    for (const [i, rate] of expected.entries()) expect(found[i]).toBeCloseTo(rate, 14);
  });

  test('every one of totalSteps updates moves the weights, the first at the full rate after the warm-up', () => {
    for (const kind of ['linear', 'cosine'] as const) {
      for (const warmupSteps of [0, 1, 3]) {
        const settings = { kind, learningRate: 1, warmupSteps, totalSteps: 7 };
        const found = rates(settings, [1, 2, 3, 4, 5, 6, 7, 8]);
        expect(found.slice(0, 7).every((rate) => rate > 0)).toBe(true);
        expect(found[warmupSteps]).toBe(1);
        expect(found[7]).toBe(0);
      }
    }
  });

  test('`end: at`: the rates of runs made before, whose last update rests', () => {
    const settings = { kind: 'linear', learningRate: 1, warmupSteps: 2, totalSteps: 12, end: 'at' };
    expect(rates(settings, [1, 2, 7, 12, 13])).toEqual([0.5, 1, 0.5, 0, 0]);
  });

  test('linear: evenly down to its end', () => {
    const settings = {
      kind: 'linear',
      learningRate: 1,
      warmupSteps: 2,
      totalSteps: 12,
      finalLearningRate: 0.5,
    };
    expect(rates(settings, [2, 3, 8, 13])).toEqual([1, 1, 0.75, 0.5]);
  });

  test('a decay needs to know its end', () => {
    expect(scheduleConfig.safeParse({ kind: 'cosine', learningRate: 1 }).success).toBe(false);
    expect(scheduleConfig.safeParse({ kind: 'constant', learningRate: 1, totalSteps: 5 }).success).toBe(
      false,
    );
  });

  test('a warm-up longer than the decay ends at the final rate', () => {
    expect(rates({ kind: 'linear', learningRate: 1, warmupSteps: 9, totalSteps: 4 }, [9, 10])).toEqual([
      1, 0,
    ]);
  });
});
