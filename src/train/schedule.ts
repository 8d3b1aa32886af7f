/** The learning rate of each update. */
import type { ScheduleConfig } from './config.ts';

/**
 * The learning rate of update n, counted from 1: n / W of the full rate over a warm-up of W updates, then
 * constant, or decaying to the final rate so that all of N updates move the weights:
 *
 *     final + (full - final) * f((n - 1 - W) / (N - W)),   f(p) = 1 - p (linear) or (1 + cos(pi p)) / 2 (cosine)
 *
 * and `final` after update N; with `end: at`, n takes the place of n - 1, and update N has the final rate. Without a warm-up these are the rates of transformers' schedulers
 * (`get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup`); with one, theirs begins at 0, and
 * ours at 1 / W.
 */
export function learningRateAt(schedule: ScheduleConfig, step: number): number {
  const { learningRate, warmupSteps } = schedule;
  if (step <= warmupSteps) return (learningRate * step) / warmupSteps;
  if (schedule.kind === 'constant') return learningRate;
  const { totalSteps, finalLearningRate } = schedule;
  const made = schedule.end === 'after' ? step - 1 : step;
  if (made >= totalSteps) return finalLearningRate;
  const progress = (made - warmupSteps) / (totalSteps - warmupSteps);
  const remaining = schedule.kind === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return finalLearningRate + (learningRate - finalLearningRate) * remaining;
}
