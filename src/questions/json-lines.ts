/**
 * Questions of one's own, one JSON object per line: `{"text", "answer"?, "answers"?, "id"?, "task"?,
 * "meta"?}`.
 */
import { z } from 'zod';
import { goldFields } from '../agent/gold-answers.ts';
import { DataError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import { lines, MAX_QUESTION_BYTES } from '../input/lines.ts';
import { parseJson, parseRows, type ReadOptions, type Row } from '../input/rows.ts';
import type { Question } from '../topics/records.generated.ts';

/** A gold answer; a number is written as JavaScript writes it. */
const gold = z.union([z.string().trim().min(1), z.number().transform(String)]);

// Strict: a slip such as `anwser` would silently leave the gold answer out.
const lineSchema = z
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

/**
 * The questions. Without `id` a question is named after file and line; an id that is there twice is an error
 * (the ids are kept in memory). Without `task` in the line that of the options is taken; with neither the
 * line is bad.
 */
export function readJsonLines(input: Input, options: ReadOptions = {}): AsyncGenerator<Question, void, void> {
  const seen = new Map<string, number>();
  const parse = (row: Row & { readonly text: string }): Question => {
    const line = parseJson(
      row,
      lineSchema,
      'a question: `text`, and optionally `answer`, `answers`, `id`, `task`, `meta`',
    );
    const id = line.id ?? `${input.stem}:${row.number}`;
    const before = seen.get(id);
    if (before !== undefined) {
      throw new DataError(
        `${row.place}: the id ${JSON.stringify(id)} is there twice: first on line ${before}`,
      );
    }
    const task = line.task ?? options.task;
    if (task === undefined) {
      throw new DataError(
        `${row.place}: expected \`task\`, the name of one of the topology's tasks (or --task for all lines)`,
      );
    }
    seen.set(id, row.number);
    return {
      id,
      task,
      text: (line.text ?? line.question) as string,
      ...goldFields([line.answer ?? [], line.answers ?? []].flat()),
      source: line.source ?? `${input.base}:${row.number}`,
      meta: line.meta ?? {},
    };
  };
  return parseRows(lines(input, MAX_QUESTION_BYTES), parse, options);
}
