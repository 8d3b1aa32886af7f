/** Grades by the judge's model, kept in the evaluation's folder, so that no answer is graded twice. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { goldAnswers } from '../agent/gold-answers.ts';
import type { LanguageModel } from '../agent/model.ts';
import { sleep } from '../clock.ts';
import { Exhausted, retry, retryConfig } from '../runtime/retry.ts';
import type { Trajectory } from '../topics/records.generated.ts';
import { gradeOutcome } from './outcome-grader.ts';

const FILE = 'grades.jsonl';

const lineSchema = z.object({
  id: z.string(),
  answer: z.string(),
  correct: z.boolean(),
  rationale: z.string(),
});

export interface GradesOptions {
  /** The evaluation's folder. */
  readonly folder: string;
  readonly model: LanguageModel;
  readonly signal: AbortSignal;
}

/**
 * Whether each trajectory's answer is right to the model. No answer is wrong; one that could not be graded is
 * left out.
 */
export async function gradesOf(
  trajectories: readonly Trajectory[],
  { folder, model, signal }: GradesOptions,
): Promise<ReadonlyMap<string, boolean>> {
  const grades = new Map<string, boolean>();
  const path = join(folder, FILE);
  const known = readGrades(path);
  const grade = async ({ id, question, answer }: Trajectory) => {
    const golds = goldAnswers(question);
    if (golds.length === 0) return;
    const before = known.get(id);
    if (answer === null || before?.answer === answer) {
      grades.set(id, answer !== null && before?.correct === true);
      return;
    }
    const grading = { id, question: question.text, golds, answer };
    const graded = await retry(() => gradeOutcome(grading, model, { signal }), {
      config: retryConfig.parse({}),
      signal,
      sleep,
    }).catch((error: unknown) => {
      if (error instanceof Exhausted) return null;
      throw error;
    });
    if (graded === null) return;
    grades.set(id, graded.correct);
    appendFileSync(path, `${JSON.stringify({ id, answer, ...graded })}\n`);
  };
  // The model bounds how many requests are under way.
  await Promise.all(trajectories.map(grade));
  return grades;
}

/** The grades that a run has; a last line that broke off with its process is none. */
function readGrades(path: string): ReadonlyMap<string, z.output<typeof lineSchema>> {
  if (!existsSync(path)) return new Map();
  return new Map(
    readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          const grade = lineSchema.parse(JSON.parse(line));
          return [[grade.id, grade] as const];
        } catch {
          return [];
        }
      }),
  );
}

/** What was graded of an evaluation's run, by trajectory; null where nothing was. */
export function gradesIn(
  folder: string,
  trajectories: readonly Trajectory[],
): ReadonlyMap<string, boolean> | null {
  const path = join(folder, FILE);
  if (!existsSync(path)) return null;
  const known = readGrades(path);
  return new Map(
    trajectories.flatMap(({ id, answer }) => {
      const grade = known.get(id);
      if (answer === null) return [[id, false] as const];
      return grade?.answer === answer ? [[id, grade.correct] as const] : [];
    }),
  );
}
