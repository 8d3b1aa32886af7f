/**
 * Judged correctness: a language model compares an answer with the gold answer. Only for evaluation, never
 * for training.
 */

import { cutMiddle } from '../agent/cut-text.ts';
import { finalLine } from '../agent/final-line.ts';
import type { CallOptions, LanguageModel } from '../agent/model.ts';
import { fillPrompt } from '../agent/prompt.ts';
import { ModelError } from '../errors.ts';

export interface Grading {
  /** The completion's name, such as the trajectory's id. */
  readonly id: string;
  readonly question: string;
  /** The gold answers: any of them counts. */
  readonly golds: readonly string[];
  readonly answer: string;
}

export interface Grade {
  readonly correct: boolean;
  readonly rationale: string;
}

/** Longer texts lose their middle. */
const MAX_CHARS = 4000;

/** Throws `ModelError` where the model fails, or its reply does not end with YES or NO. */
export async function gradeOutcome(
  grading: Grading,
  model: LanguageModel,
  { signal }: CallOptions,
): Promise<Grade> {
  const section = (label: string, text: string) => [{ label, text: cutMiddle(text, MAX_CHARS) }];
  const content = fillPrompt('outcome-grader', {
    fenced: {
      question: section('the question', grading.question),
      reference: grading.golds.flatMap((gold, i) =>
        section(i === 0 ? 'the reference answer' : 'another reference answer', gold),
      ),
      answer: section('the answer to grade', grading.answer),
    },
  });
  const request = { messages: [{ role: 'user' as const, content }], id: `grade/${grading.id}`, signal };
  const { text } = await model.complete(request);
  const rationale = cutMiddle(text.trim(), MAX_CHARS);
  const said = finalLine(text, 'correct').toUpperCase();
  if (said === 'YES' || said === 'NO') return { correct: said === 'YES', rationale };
  throw new ModelError(
    `${model.name}: expected a last line CORRECT: YES or CORRECT: NO, found ${JSON.stringify(rationale)}`,
  );
}
