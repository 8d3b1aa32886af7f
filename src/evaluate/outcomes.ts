/** What came of each question of an evaluation: its rollouts, those that failed among them. */
import { exactMatch, f1 } from '../agent/answers.ts';
import { goldAnswers } from '../agent/gold-answers.ts';
import type { Failure, Judged, Question, Trajectory } from '../topics/records.generated.ts';

export interface Rollout {
  /** The trajectory's id. */
  readonly id: string;
  /** Why there is no trajectory, as its failure says it; null: there is one. */
  readonly failed: string | null;
  readonly answer: string | null;
  /**
   * Whether the answer matches a gold answer, no answer does not; null: there is none, or they could not be
   * compared.
   */
  readonly right: boolean | null;
  /** The same by the judge's model; null: it was not asked, or gave no grade. */
  readonly graded: boolean | null;
  /** Exact match and F1 as SQuAD and HotPotQA compute them; null: there is no gold answer. */
  readonly exact: number | null;
  readonly f1: number | null;
  /** Actions; null where it failed. */
  readonly steps: number | null;
  /** Verdicts on its steps, by label. */
  readonly good: number;
  readonly bad: number;
  readonly unknown: number;
}

export interface QuestionOutcome {
  readonly question: Question;
  readonly rollouts: readonly Rollout[];
}

/** The records of an evaluation, and what was found of its answers by their trajectories. */
export interface EvaluationRecords {
  readonly questions: readonly Question[];
  /** Rollouts a question. */
  readonly rollouts: number;
  readonly trajectories: readonly Trajectory[];
  readonly judged: readonly Judged[];
  readonly failures: readonly Failure[];
  /** Whether all that could be done is done: what is missing then has failed. */
  readonly finished: boolean;
  readonly right: ReadonlyMap<string, boolean>;
  /** Null where no model grades. */
  readonly grades: ReadonlyMap<string, boolean> | null;
}

/** The outcomes in the order of the questions. A rollout that is not finished yet is not there. */
export function outcomesOf(records: EvaluationRecords): QuestionOutcome[] {
  const { questions, rollouts, finished } = records;
  const trajectories = new Map(records.trajectories.map((trajectory) => [trajectory.id, trajectory]));
  const labels = countLabels(records.judged);
  const reasons = new Map(
    records.failures.flatMap(({ record, message }) =>
      record === null ? [] : [[record.split('/').slice(0, 2).join('/'), message] as const],
    ),
  );
  return questions.map((question) => ({
    question,
    rollouts: Array.from({ length: rollouts }, (_, index) => `${question.id}/${index}`).flatMap((id) => {
      const trajectory = trajectories.get(id);
      if (trajectory !== undefined) return [rolloutOf(trajectory, labels.get(id) ?? NO_LABELS, records)];
      const reason = reasons.get(id) ?? reasons.get(question.id) ?? (finished ? 'no record says why' : null);
      return reason === null
        ? []
        : [failedRollout(id, question, { reason, graded: records.grades !== null })];
    }),
  }));
}

type Labels = Pick<Rollout, 'good' | 'bad' | 'unknown'>;

const NO_LABELS: Labels = { good: 0, bad: 0, unknown: 0 };

function countLabels(judged: readonly Judged[]): Map<string, Labels> {
  const labels = new Map<string, Labels>();
  for (const { subTrajectory, verdict } of judged) {
    const { good, bad, unknown } = labels.get(subTrajectory.trajectory) ?? NO_LABELS;
    labels.set(subTrajectory.trajectory, {
      good: good + Number(verdict.label === 'GOOD'),
      bad: bad + Number(verdict.label === 'BAD'),
      unknown: unknown + Number(verdict.label === 'UNKNOWN'),
    });
  }
  return labels;
}

function rolloutOf(
  { id, question, answer, steps }: Trajectory,
  labels: Labels,
  { right, grades }: Pick<EvaluationRecords, 'right' | 'grades'>,
): Rollout {
  const golds = goldAnswers(question);
  const score = (metric: typeof f1) =>
    golds.length === 0 ? null : answer === null ? 0 : metric(answer, golds);
  return {
    id,
    failed: null,
    answer,
    right: right.get(id) ?? null,
    graded: grades?.get(id) ?? null,
    exact: score((said, gold) => Number(exactMatch(said, gold))),
    f1: score(f1),
    steps: steps.length,
    ...labels,
  };
}

/** A question that could not be answered is not answered rightly. */
function failedRollout(
  id: string,
  question: Question,
  { reason, graded }: { readonly reason: string; readonly graded: boolean },
): Rollout {
  const wrong = goldAnswers(question).length > 0;
  return {
    id,
    failed: reason,
    answer: null,
    right: wrong ? false : null,
    graded: wrong && graded ? false : null,
    exact: wrong ? 0 : null,
    f1: wrong ? 0 : null,
    steps: null,
    ...NO_LABELS,
  };
}
