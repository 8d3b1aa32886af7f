/** Questions as people and their programs write them: checked, completed, and named. */
import { z } from 'zod';
import { DataError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import type { ReadOptions } from '../input/rows.ts';
import type { Question } from '../topics/records.generated.ts';
import { goldFields } from './gold-answers.ts';

/** A gold answer; a number is written as JavaScript writes it. */
const gold = z.union([z.string().trim().min(1), z.number().transform(String)]);

// Strict: a slip such as `anwser` would silently leave the gold answer out.
export const plainQuestion = z
  .strictObject({
    id: z
      .union([z.string(), z.number().int().transform(String)])
      .pipe(z.string().regex(/^[^/\s]{1,200}$/, 'expected at most 200 characters without blanks and `/`'))
      .optional(),
    text: z.string().trim().min(1).optional(),
    question: z.string().trim().min(1).optional(),
    answer: z.union([gold, z.array(gold), z.null()]).optional(),
    answers: z.array(gold).optional(),
    task: z.string().min(1).optional(),
    source: z.string().nullable().optional(),
    meta: z.record(z.string(), z.string()).optional(),
  })
  .refine((line) => (line.text === undefined) !== (line.question === undefined), {
    error: 'expected one of `text` and `question`',
  });

type PlainQuestion = z.output<typeof plainQuestion>;

/** What is expected, for messages. */
export const PLAIN_QUESTION = 'a question: `text`, and optionally `answer`, `answers`, `id`, `task`, `meta`';

/**
 * Makes records of a file's questions. Without `id` a question is named after the file and its number; an id
 * that is there twice is a `DataError` (the ids are kept in memory). Without `task` that of the options is
 * taken; with neither it is one too.
 */
export function questionMaker(
  input: Pick<Input, 'stem' | 'base'>,
  options: Pick<ReadOptions, 'task' | 'onGenerated'>,
): (question: PlainQuestion, at: { readonly place: string; readonly number: number }) => Question {
  const seen = new Map<string, number>();
  return (plain, { place, number }) => {
    const id = plain.id ?? `${input.stem}:${number}`;
    const before = seen.get(id);
    if (before !== undefined) {
      throw new DataError(`${place}: the id ${JSON.stringify(id)} is there twice: first on line ${before}`);
    }
    const task = plain.task ?? options.task;
    if (task === undefined) {
      throw new DataError(
        `${place}: expected \`task\`, the name of one of the topology's tasks (or --task for all lines)`,
      );
    }
    seen.set(id, number);
    const question: Question = {
      id,
      task,
      text: (plain.text ?? plain.question) as string,
      ...goldFields([plain.answer ?? [], plain.answers ?? []].flat()),
      source: plain.source ?? `${input.base}:${number}`,
      meta: plain.meta ?? {},
    };
    if (plain.id === undefined) options.onGenerated?.(question);
    return question;
  };
}
