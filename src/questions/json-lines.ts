/**
 * Questions of one's own, one JSON object per line: `{"text", "answer"?, "answers"?, "id"?, "task"?,
 * "meta"?}`.
 */
import { z } from 'zod';
import { PLAIN_QUESTION, plainQuestion, questionMaker } from '../agent/plain-question.ts';
import type { Input } from '../input/input.ts';
import { lines, MAX_QUESTION_BYTES } from '../input/lines.ts';
import { parseJson, parseRows, type ReadOptions, type Row } from '../input/rows.ts';
import { kind } from '../parts/kind.ts';
import type { Question } from '../topics/records.generated.ts';
import type { Reader } from './reader.ts';

/** The questions, named and completed as of `questionMaker`. */
export function readJsonLines(input: Input, options: ReadOptions = {}): AsyncGenerator<Question, void, void> {
  const questionOf = questionMaker(input, options);
  const parse = (row: Row & { readonly text: string }): Question =>
    questionOf(parseJson(row, plainQuestion, PLAIN_QUESTION), row);
  return parseRows(lines(input, MAX_QUESTION_BYTES), parse, options);
}

export const jsonLinesReader = kind({
  name: 'json-lines',
  about: 'One JSON object per line.',
  settings: z.strictObject({}),
  make: async (): Promise<Reader> => ({ topic: 'questions', read: readJsonLines }),
});
