/** The learning rate of each update. */
import type { ScheduleConfig } from './config.ts';

/** The learning rate of an update, counted from 1: a linear warm-up, then constant or decaying. */
export function learningRateAt(schedule: ScheduleConfig, step: number): number {
  const { learningRate, warmupSteps } = schedule;
  if (step <= warmupSteps) return (learningRate * step) / warmupSteps;
  if (schedule.kind === 'constant') return learningRate;
  const { totalSteps, finalLearningRate } = schedule;
  if (step >= totalSteps) return finalLearningRate;
  const progress = (step - warmupSteps) / (totalSteps - warmupSteps);
  const remaining = schedule.kind === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return finalLearningRate + (learningRate - finalLearningRate) * remaining;
}
