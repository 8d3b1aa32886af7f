/**
 * HotPotQA as published (https://hotpotqa.github.io): one JSON array of questions, each with its paragraphs
 * as `[title, [sentence, ...]]`. Read as a stream: the training split is one array of 500 MB.
 */
import { z } from 'zod';
import { DataError } from '../errors.ts';
import type { Article } from '../input/article.ts';
import type { Input } from '../input/input.ts';
import { jsonArray } from '../input/json-array.ts';
import { MAX_QUESTION_BYTES } from '../input/lines.ts';
import { parseJson, parseRows, type ReadOptions, type Row } from '../input/rows.ts';
import { kind } from '../parts/kind.ts';
import type { Question } from '../topics/records.generated.ts';
import { type AnyOptions, readAnyQuestions } from './any-questions.ts';
import type { Reader, ReaderContext } from './reader.ts';

const paragraphSchema = z.tuple([z.string(), z.array(z.string())]);

const entrySchema = z.object({
  _id: z
    .string()
    .regex(/^[^/\s]{1,100}$/, 'expected an id without blanks and `/`')
    .optional(),
  question: z
    .string()
    .trim()
    .min(1)
    .max(MAX_QUESTION_BYTES / 4),
  answer: z
    .string()
    .max(MAX_QUESTION_BYTES / 4)
    .optional(),
  type: z.string().optional(),
  level: z.string().optional(),
  context: z.array(paragraphSchema).optional(),
});

export interface HotpotqaEntry {
  readonly question: Question;
  /** The paragraphs that come with the question: those that it needs and distractors. */
  readonly articles: readonly Article[];
  readonly place: string;
}

/** The task that the questions are of where none is named. */
const HOTPOTQA_TASK = 'search';

/** The questions, named by the data set's own `_id` (by position where there is none). */
export async function* readHotpotqa(
  input: Input,
  options: ReadOptions = {},
): AsyncGenerator<Question, void, void> {
  for await (const { question } of readHotpotqaEntries(input, options)) yield question;
}

/**
 * The questions with their paragraphs. A bad element goes to `skip` or throws `DataError` with its index and
 * byte; a file that is not an array, or is cut off, always throws.
 */
export function readHotpotqaEntries(
  input: Input,
  options: ReadOptions = {},
): AsyncGenerator<HotpotqaEntry, void, void> {
  return parseRows(jsonArray(input), (row) => entryOf(row, input, options), options);
}

function entryOf(
  row: Row & { readonly text: string },
  input: Input,
  { task = HOTPOTQA_TASK, onGenerated }: ReadOptions,
): HotpotqaEntry {
  const entry = parseJson(row, entrySchema, 'a HotPotQA question: `question`, `answer` and `context`');
  const answer = entry.answer?.trim();
  if (answer === '') throw new DataError(`${row.place}: expected an answer, found an empty one`);
  const meta: Record<string, string> = {};
  if (entry.type !== undefined) meta.type = entry.type;
  if (entry.level !== undefined) meta.level = entry.level;
  const question: Question = {
    id: entry._id === undefined ? `hotpotqa:${input.stem}:${row.number}` : `hotpotqa:${entry._id}`,
    task,
    text: entry.question,
    answer: answer ?? null,
    answers: [],
    source: `hotpotqa:${input.base}[${row.number}]`,
    meta,
  };
  if (entry._id === undefined) onGenerated?.(question);
  const articles = (entry.context ?? []).map(([title, sentences]) => ({
    title: title.trim(),
    text: sentences.join('').trim(),
  }));
  return { question, articles, place: row.place };
}

export const hotpotqaReader = kind({
  name: 'hotpotqa',
  about: 'HotPotQA as published or as the hub has it.',
  settings: z.strictObject({}),
  make: async (_config: object, { tasks }: Pick<ReaderContext, 'tasks'>): Promise<Reader> => ({
    topic: 'questions',
    read: (input, options: AnyOptions) => readAnyQuestions(input, { tasks, ...options }),
  }),
});
