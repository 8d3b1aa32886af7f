/** What an evaluation reports, from the records of its run. */
import { f1 } from '../agent/answers.ts';
import { goldAnswers } from '../agent/gold-answers.ts';
import type { Judged, Trajectory } from '../topics/records.generated.ts';
import { type Estimate, mean, share } from './interval.ts';

export interface Metrics {
  /** Questions with a gold answer that the answer matches; a trajectory without an answer is wrong. */
  readonly accuracy: Estimate;
  /**
   * The same by the judge's model, which grades the answer's meaning; null where rules judge. Ungraded ones
   * are left out.
   */
  readonly judged: Estimate | null;
  /** Word overlap with the gold answer, as SQuAD and HotPotQA compute it. */
  readonly f1: Estimate;
  /**
   * The mean process label of the paper: per trajectory the share of its steps that are GOOD (of those judged
   * GOOD or BAD), averaged over trajectories.
   */
  readonly goodSteps: Estimate;
  /** Actions per trajectory. */
  readonly steps: Estimate;
  readonly trajectories: number;
  /** Verdicts that were UNKNOWN, which `goodSteps` leaves out. */
  readonly unknown: number;
}

/** What was found of the answers of an evaluation, by their trajectories; one that could not be compared is not there. */
export interface AnswersFound {
  /** Whether the answer matches. */
  readonly right: ReadonlyMap<string, boolean>;
  /** As the judge's model grades it; null where rules judge. */
  readonly grades: ReadonlyMap<string, boolean> | null;
}

/**
 * Metrics of trajectories and their judged steps; only trajectories with a gold answer count for the answers.
 */
export function metrics(
  trajectories: readonly Trajectory[],
  judged: readonly Judged[],
  { right, grades }: AnswersFound,
): Metrics {
  const graded = trajectories.filter(({ question }) => goldAnswers(question).length > 0);
  const labels = new Map<string, number[]>();
  for (const { subTrajectory, verdict } of judged) {
    if (verdict.label === 'UNKNOWN') continue;
    const values = labels.get(subTrajectory.trajectory) ?? [];
    labels.set(subTrajectory.trajectory, [...values, verdict.label === 'GOOD' ? 1 : 0]);
  }
  return {
    accuracy: shareOf(graded, right),
    judged: grades && shareOf(graded, grades),
    f1: mean(graded.map(({ answer, question }) => (answer === null ? 0 : f1(answer, goldAnswers(question))))),
    goodSteps: mean([...labels.values()].map((values) => mean(values).mean)),
    steps: mean(trajectories.map(({ steps }) => steps.length)),
    trajectories: trajectories.length,
    unknown: judged.filter(({ verdict }) => verdict.label === 'UNKNOWN').length,
  };
}

function shareOf(graded: readonly Trajectory[], found: ReadonlyMap<string, boolean>): Estimate {
  const known = graded.flatMap(({ id }) => found.get(id) ?? []);
  return share(known.filter((right) => right).length, known.length);
}
