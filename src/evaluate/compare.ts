/** Two evaluations on the same questions, measure by measure. */
import { goldAnswers } from '../agent/gold-answers.ts';
import type { Question } from '../topics/records.generated.ts';
import { type Estimate, pairedDifference } from './interval.ts';
import { MEASURES, type Measure, measured, observations } from './metrics.ts';
import type { QuestionOutcome } from './outcomes.ts';

export interface Comparison {
  /** The other evaluation's run. */
  readonly run: string;
  /** Questions that are in both. */
  readonly questions: number;
  /** Those of this one that are not in the other, and the other way round. */
  readonly onlyHere: number;
  readonly onlyThere: number;
  readonly measures: Readonly<Partial<Record<Measure, Difference>>>;
}

interface Difference {
  /** Means over the questions that have the measure in both. */
  readonly here: number;
  readonly there: number;
  /** `here - there` of the same questions. */
  readonly difference: Estimate;
}

/** Pairs by question: by id, where text and gold answers are the same. */
export function compare(
  here: readonly QuestionOutcome[],
  there: readonly QuestionOutcome[],
  run: string,
): Comparison {
  const others = new Map(there.map((outcome) => [keyOf(outcome.question), outcome]));
  const pairs = here.flatMap((outcome) => {
    const other = others.get(keyOf(outcome.question));
    return other === undefined ? [] : [[outcome, other] as const];
  });
  const measures = (Object.keys(MEASURES) as Measure[]).flatMap((measure) => {
    const values = pairs.flatMap(([a, b]) => {
      const [first, second] = [measured(measure, a), measured(measure, b)];
      return first === null || second === null ? [] : [[first, second] as const];
    });
    if (values.length === 0) return [];
    const observed = [0, 1].map((side) =>
      observations(
        measure,
        pairs.map((pair) => pair[side as 0 | 1]),
      ),
    );
    const difference = pairedDifference(values, Math.min(...observed));
    const average = (side: 0 | 1) => values.reduce((sum, pair) => sum + pair[side], 0) / values.length;
    return [[measure, { here: average(0), there: average(1), difference }] as const];
  });
  return {
    run,
    questions: pairs.length,
    onlyHere: here.length - pairs.length,
    onlyThere: there.length - pairs.length,
    measures: Object.fromEntries(measures),
  };
}

function keyOf(question: Question): string {
  return JSON.stringify([question.id, question.task, question.text, goldAnswers(question)]);
}
