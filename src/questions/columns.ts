/** A reader of one's own tables: which key, column or path holds what. */
import { z } from 'zod';
import { kind } from '../parts/kind.ts';
import { readAnyQuestions, type Values } from './any-questions.ts';
import { isObject } from './paragraphs.ts';
import type { Reader, ReaderContext } from './reader.ts';

const path = z.string().min(1).max(200);

const columnsConfig = z.strictObject({
  text: path.describe('Where the question is: a key, or a path such as `data.question`.'),
  answers: z
    .union([path, z.array(path).max(16)])
    .default([])
    .describe('Where gold answers are: a key or path, or several, whose answers all count.'),
  id: path.nullable().default(null).describe('Where the id is; null: the file and the number.'),
  task: path.nullable().default(null).describe('Where the task is.'),
  paragraphs: path.nullable().default(null).describe('Where the paragraphs for `swirl feed --corpus` are.'),
});
type ColumnsConfig = z.output<typeof columnsConfig>;

export const columnsReader = kind({
  name: 'columns',
  about: 'Tables of your own: JSON lines, JSON, CSV or Parquet, whose columns you name.',
  settings: columnsConfig,
  make: async (config: ColumnsConfig, { tasks }: Pick<ReaderContext, 'tasks'>): Promise<Reader> => ({
    topic: 'questions',
    read: (input, options) =>
      readAnyQuestions(input, { tasks, ...options, renamed: (values) => renamed(values, config) }),
  }),
});

/** The record with the names that are known; what is not named goes to `meta`. */
function renamed(values: Values, { text, answers, id, task, paragraphs }: ColumnsConfig): Values {
  const named: [string, unknown][] = [['text', at(values, text)]];
  named.push(['answers', [answers].flat().flatMap((where) => at(values, where) ?? [])]);
  if (id !== null) named.push(['id', at(values, id)]);
  if (task !== null) named.push(['task', at(values, task)]);
  if (paragraphs !== null) named.push(['context', at(values, paragraphs)]);
  const used = new Set([text, answers, id, task, paragraphs].flat().map((where) => where?.split('.')[0]));
  const rest = Object.entries(values).filter(([key]) => !used.has(key));
  return {
    meta: Object.fromEntries(rest),
    ...Object.fromEntries(named.filter(([, value]) => value !== undefined)),
  };
}

function at(values: Values, where: string): unknown {
  if (Object.hasOwn(values, where)) return values[where];
  return where
    .split('.')
    .reduce<unknown>(
      (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      values,
    );
}
