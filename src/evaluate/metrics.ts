/** What an evaluation reports, from the outcomes of its questions. */
import { answersMatch } from '../agent/answers.ts';
import { boundedMean, type Estimate, mean } from './interval.ts';
import type { QuestionOutcome, Rollout } from './outcomes.ts';
import { majority, passAt, passCounts } from './several-rollouts.ts';

export interface Metrics {
  readonly questions: number;
  readonly rollouts: number;
  /** Rollouts that failed: they count as wrong. */
  readonly failed: number;
  /**
   * Questions with a gold answer that the answer matches; of several rollouts the share, averaged over
   * questions.
   */
  readonly accuracy: Estimate;
  /** The same by the judge's model, which grades the answer's meaning; null where rules judge. */
  readonly judged: Estimate | null;
  /** Of several rollouts: the chance that one of k is right, without bias; null where there is one. */
  readonly passAt: readonly { readonly k: number; readonly estimate: Estimate }[] | null;
  /** Of several rollouts: whether the answer that most of them give is right; null where there is one. */
  readonly majority: Estimate | null;
  /** Equality and word overlap with the gold answer, as SQuAD and HotPotQA compute them. */
  readonly exact: Estimate;
  readonly f1: Estimate;
  /**
   * The mean process label of the paper: per trajectory the share of its steps that are GOOD (of those judged
   * GOOD or BAD), averaged over trajectories, and over questions.
   */
  readonly goodSteps: Estimate;
  /** Actions per trajectory. */
  readonly steps: Estimate;
  /** Verdicts that were UNKNOWN, which `goodSteps` leaves out. */
  readonly unknown: number;
  /**
   * Rollouts with a gold answer that could not be compared with it, or not be graded, and are left out there.
   */
  readonly uncompared: number;
  readonly ungraded: number;
}

/** What is measured of each question, from 0 to 1: what two evaluations are compared by. */
export const MEASURES = {
  accuracy: { title: 'accuracy', of: ({ right }: Rollout) => asNumber(right) },
  judged: { title: 'judged correct', of: ({ graded }: Rollout) => asNumber(graded) },
  exact: { title: 'exact match', of: ({ exact }: Rollout) => exact },
  f1: { title: 'F1', of: ({ f1 }: Rollout) => f1 },
  goodSteps: {
    title: 'good steps',
    of: ({ good, bad }: Rollout) => (good + bad === 0 ? null : good / (good + bad)),
  },
} as const;
export type Measure = keyof typeof MEASURES;

/** The mean of a measure over a question's rollouts; null where none has it. */
export function measured(measure: Measure, { rollouts }: QuestionOutcome): number | null {
  const values = rollouts.flatMap((rollout) => MEASURES[measure].of(rollout) ?? []);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Metrics of some questions; `several`: each has more than one rollout. */
export function metrics(
  outcomes: readonly QuestionOutcome[],
  { several, graded }: { readonly several: boolean; readonly graded: boolean },
): Metrics {
  const rollouts = outcomes.flatMap((outcome) => outcome.rollouts);
  const estimate = (measure: Measure) => estimateOf(measure, outcomes);
  const gold = rollouts.filter(({ f1 }) => f1 !== null);
  return {
    questions: outcomes.length,
    rollouts: rollouts.length,
    failed: rollouts.filter(({ failed }) => failed !== null).length,
    accuracy: estimate('accuracy'),
    judged: graded ? estimate('judged') : null,
    passAt: several ? passesOf(outcomes) : null,
    majority: several ? majorityOf(outcomes) : null,
    exact: estimate('exact'),
    f1: estimate('f1'),
    goodSteps: estimate('goodSteps'),
    steps: mean(rollouts.flatMap(({ steps }) => steps ?? [])),
    unknown: rollouts.reduce((sum, { unknown }) => sum + unknown, 0),
    uncompared: gold.filter(({ right }) => right === null).length,
    ungraded: graded ? gold.filter((rollout) => rollout.graded === null).length : 0,
  };
}

function estimateOf(measure: Measure, outcomes: readonly QuestionOutcome[]): Estimate {
  const values = outcomes.flatMap((outcome) => measured(measure, outcome) ?? []);
  return boundedMean(values, observations(measure, outcomes));
}

/** How many single observations a measure is made of: rollouts, or verdicts. */
export function observations(measure: Measure, outcomes: readonly QuestionOutcome[]): number {
  const rollouts = outcomes.flatMap((outcome) => outcome.rollouts);
  return measure === 'goodSteps'
    ? rollouts.reduce((sum, { good, bad }) => sum + good + bad, 0)
    : rollouts.filter((rollout) => MEASURES[measure].of(rollout) !== null).length;
}

function passesOf(outcomes: readonly QuestionOutcome[]): Metrics['passAt'] {
  const counted = outcomes.flatMap(({ rollouts }) => {
    const known = rollouts.filter(({ right }) => right !== null);
    return known.length === 0
      ? []
      : [{ count: known.length, right: known.filter(({ right }) => right).length }];
  });
  const most = Math.max(1, ...counted.map(({ count }) => count));
  return passCounts(most).map((k) => ({
    k,
    // A question with fewer rollouts than k says nothing about k of them.
    estimate: boundedMean(counted.filter(({ count }) => count >= k).map((each) => passAt(k, each))),
  }));
}

function majorityOf(outcomes: readonly QuestionOutcome[]): Estimate {
  const values = outcomes.flatMap(({ rollouts }) => {
    const known = rollouts.filter(({ right }) => right !== null);
    if (known.length === 0) return [];
    const index = majority(
      known.map(({ answer }) => answer),
      (a, b) => answersMatch(a, b) || a.trim() === b.trim(),
    );
    return [index !== null && known[index]?.right ? 1 : 0];
  });
  return boundedMean(values);
}

function asNumber(value: boolean | null): number | null {
  return value === null ? null : Number(value);
}
