/**
 * GSM8K as published (https://github.com/openai/grade-school-math): JSON lines of `question` and `answer`,
 * where the answer is a worked solution that ends in a line `#### 72`.
 */
import { z } from 'zod';
import { DataError } from '../errors.ts';
import { anyRows } from '../input/any-rows.ts';
import type { Input } from '../input/input.ts';
import { MAX_QUESTION_BYTES } from '../input/lines.ts';
import { parseJson, parseRows, type ReadOptions, type Row } from '../input/rows.ts';
import { kind } from '../parts/kind.ts';
import type { Question } from '../topics/records.generated.ts';
import type { Reader } from './reader.ts';

const problemSchema = z.object({ question: z.string().trim().min(1), answer: z.string() });

/** A problem with its worked solution. */
export interface Gsm8kProblem {
  readonly question: Question;
  /** The solution without its last line, with calculator marks such as `<<48/2=24>>`. */
  readonly solution: string;
  /** The final answer, as it stands after `####`. */
  readonly answer: string;
  readonly place: string;
}

/** The task that the questions are of where none is named. */
export const GSM8K_TASK = 'math';

/** The problems' questions, with ids such as `gsm8k:train:17` (file and line, from 1). */
export async function* readGsm8k(
  input: Input,
  options: ReadOptions = {},
): AsyncGenerator<Question, void, void> {
  for await (const { question } of readGsm8kProblems(input, options)) {
    options.onGenerated?.(question);
    yield question;
  }
}

/**
 * The problems with their worked solutions. A bad line goes to `skip` or throws `DataError`, with file and
 * line.
 */
export function readGsm8kProblems(
  input: Input,
  options: ReadOptions = {},
): AsyncGenerator<Gsm8kProblem, void, void> {
  return parseRows(
    anyRows(input, MAX_QUESTION_BYTES),
    (row) => problemOf(row, input, options.task ?? GSM8K_TASK),
    options,
  );
}

function problemOf(row: Row & { readonly text: string }, input: Input, task: string): Gsm8kProblem {
  const { question: text, answer } = parseJson(
    row,
    problemSchema,
    'a GSM8K problem: `question` and `answer`',
  );
  const marked = /^([\s\S]*?)(?:^|\n)\s*####\s*(.*?)\s*$/.exec(answer);
  const final = marked?.[2] ?? '';
  if (marked === null || final === '' || final.includes('\n')) {
    const end = answer.slice(-40);
    throw new DataError(
      `${row.place}: expected an answer that ends in a line \`#### ...\`, found ${JSON.stringify(end)} at its end`,
    );
  }
  const question: Question = {
    id: `gsm8k:${input.stem}:${row.number}`,
    task,
    text,
    answer: final,
    answers: [],
    source: `gsm8k:${input.base}:${row.number}`,
    meta: {},
  };
  return { question, solution: marked[1].trim(), answer: final, place: row.place };
}

export const gsm8kReader = kind({
  name: 'gsm8k',
  about: 'GSM8K as published.',
  settings: z.strictObject({}),
  make: async (): Promise<Reader> => ({ topic: 'questions', read: readGsm8k }),
});
