/** The gold answers of a question: none, one, or several of which each counts. */
import type { Question } from '../topics/records.generated.ts';

/** All gold answers, each once, in the record's order; blank ones are none. */
export function goldAnswers({ answer, answers }: Pick<Question, 'answer' | 'answers'>): readonly string[] {
  return distinct(answer === null ? answers : [answer, ...answers]);
}

/**
 * The fields of a question's record for these gold answers: the first under `answer`, the others under
 * `answers`.
 */
export function goldFields(golds: readonly string[]): Pick<Question, 'answer' | 'answers'> {
  const [answer = null, ...answers] = distinct(golds);
  return { answer, answers };
}

function distinct(golds: readonly string[]): string[] {
  return [...new Set(golds)].filter((gold) => gold.trim() !== '');
}
