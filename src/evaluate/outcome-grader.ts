/**
 * Judged correctness: a language model compares an answer with the gold answer. Only for evaluation, never
 * for training.
 */

import { cutMiddle } from '../agent/cut-text.ts';
import type { CallOptions, LanguageModel } from '../agent/model.ts';
import { fillPrompt } from '../agent/prompt.ts';
import { type ReplyForm, readReply } from '../agent/reply.ts';
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
  const { text, truncated = false, startsInside } = await model.complete(request);
  const rationale = cutMiddle(text.trim(), MAX_CHARS);
  const correct = truncated ? null : readReply(text, GRADE, { marks: model.thinking, startsInside });
  if (correct !== null) return { correct, rationale };
  throw new ModelError(
    `${model.name}: expected a last line CORRECT: YES or CORRECT: NO, and no other, found ${JSON.stringify(rationale)}`,
  );
}

const GRADE: ReplyForm<boolean> = {
  labels: ['correct'],
  read: (text) => {
    const match = /^(not )?(yes|no)(?![\p{L}\p{N}])(?: ?(?:\/|or|and) ?(?:yes|no)(?![\p{L}\p{N}]))?/iu.exec(
      text,
    );
    if (match === null) return null;
    const [whole, not, word = ''] = match;
    const rest = text.slice(whole.length);
    if (not !== undefined || /\/|\bor\b|\band\b/i.test(whole)) return { value: null, rest };
    return { value: word.toLowerCase() === 'yes', rest };
  },
  same: (a, b) => a === b,
  contradicts: (value, after) => (value ? /\bNO\b/ : /\bYES\b/).test(after),
};
