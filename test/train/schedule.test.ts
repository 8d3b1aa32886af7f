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

  test('linear: half way down in the middle, at its end from totalSteps on', () => {
    const settings = {
      kind: 'linear',
      learningRate: 1,
      warmupSteps: 2,
      totalSteps: 12,
      finalLearningRate: 0.5,
    };
    expect(rates(settings, [2, 7, 12, 13])).toEqual([1, 0.75, 0.5, 0.5]);
  });

  test('cosine: flat at both ends, half way down in the middle', () => {
    const [start, middle, end] = rates({ kind: 'cosine', learningRate: 1, totalSteps: 100 }, [1, 50, 100]);
    expect(start).toBeGreaterThan(0.999);
    expect(middle).toBeCloseTo(0.5, 12);
    expect(end).toBe(0);
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
