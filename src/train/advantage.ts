/** What makes advantages of a batch's rewards: the kinds that Swirl has, and how any is asked. */
import { z } from 'zod';
import type { AdvantageStep } from '../parts/calls.ts';
import { kind } from '../parts/kind.ts';
import type { Origin } from '../topics/records.generated.ts';
import { contextOf } from './contexts.ts';

export interface Advantage {
  /** The user's own that it is; null for Swirl's. */
  readonly by: Origin | null;
  /**
   * One finite number for each step of a batch, as a function of the batch alone: the weights are one of the
   * scored topic. `update`: the step of the optimizer that it is for, from 1. Throws `ConfigError`, which
   * stops the run, where there is none.
   */
  of(batch: readonly AdvantageStep[], update: number): readonly number[] | Promise<readonly number[]>;
  close?(): Promise<void>;
}

export const rewardAdvantage = kind({
  name: 'reward',
  about: 'The reward itself.',
  settings: z.strictObject({}),
  make: async (): Promise<Advantage> => builtIn('reward'),
});

export const centeredAdvantage = kind({
  name: 'centered',
  about: 'The reward minus the mean of the batch.',
  settings: z.strictObject({}),
  make: async (): Promise<Advantage> => builtIn('centered'),
});

export const leaveOneOutAdvantage = kind({
  name: 'leave-one-out',
  about: 'The reward minus the mean of the other actions at the same context.',
  settings: z.strictObject({}),
  make: async (): Promise<Advantage> => builtIn('leave-one-out'),
});

/** One of Swirl's own, which take no settings. */
export function builtIn(name: 'reward' | 'centered' | 'leave-one-out'): Advantage {
  const of = { reward: rewardsOf, centered, 'leave-one-out': leaveOneOut }[name];
  return { by: null, of };
}

function rewardsOf(batch: readonly AdvantageStep[]): number[] {
  return batch.map(({ reward }) => reward);
}

/** Rewards without variance are centered to exactly 0. */
function centered(batch: readonly AdvantageStep[]): number[] {
  const rewards = rewardsOf(batch);
  // Summing k equal numbers and dividing by k need not give the number back, and Adam would blow up what is
  // left.
  if (rewards.every((reward) => reward === rewards[0])) return rewards.map(() => 0);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return rewards.map((reward) => reward - mean);
}

/**
 * Of n actions at one context (arXiv 2402.14740, "RLOO"): A_i = R_i - (sum of the others) / (n - 1), which is
 * n / (n - 1) times the distance from the mean of all. Exactly 0 for an action that is alone at its context, and
 * for all of a context where the rewards are equal.
 */
function leaveOneOut(batch: readonly AdvantageStep[]): number[] {
  const groups = new Map<string, number[]>();
  const names = batch.map(({ subTrajectory }) => contextOf(subTrajectory));
  batch.forEach(({ reward }, i) => {
    const name = names[i] as string;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [reward]);
    else group.push(reward);
  });
  return batch.map(({ reward }, i) => {
    const group = groups.get(names[i] as string) ?? [];
    if (group.every((other) => other === group[0])) return 0;
    const others = group.reduce((sum, other) => sum + other, 0) - reward;
    return reward - others / (group.length - 1);
  });
}
