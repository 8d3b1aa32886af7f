/** A reader of one's own tables: which key, column or path holds what. */
import { z } from 'zod';
import { isObject, keysText, valueAt } from '../input/value-at.ts';
import { kind } from '../parts/kind.ts';
import { nearest } from '../suggest.ts';
import { type Mapping, readAnyQuestions, type Values } from './any-questions.ts';
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
    read: (input, options) => readAnyQuestions(input, { tasks, ...options, mapping: mappingOf(config) }),
  }),
});

function mappingOf(config: ColumnsConfig): Mapping {
  return {
    renamed: (values) => renamed(values, config),
    missing: (values) => missing(values, config),
    names: { text: config.text, answers: [config.answers].flat().join('`, `') },
  };
}

/** Which of the settings names what the first record has not; of several keys of answers one must be there. */
function missing(values: Values, { text, answers, id, task, paragraphs }: ColumnsConfig): string | null {
  for (const [setting, paths] of Object.entries({ text, answers, id, task, paragraphs })) {
    const wanted = [paths ?? []].flat();
    if (wanted.length === 0 || wanted.some((path) => valueAt(values, path) !== undefined)) continue;
    const [first = ''] = wanted;
    const near = nearest(first, Object.keys(values));
    const hint = near === null ? '' : `; did you mean \`${near}\`?`;
    return `expected the reader's \`${setting}\` at \`${wanted.join('`, `')}\`, found ${keysText(values)}${hint}`;
  }
  return null;
}

/** The record with the names that are known; what is not named goes to `meta`. */
function renamed(values: Values, { text, answers, id, task, paragraphs }: ColumnsConfig): Values {
  const named: [string, unknown][] = [['text', valueAt(values, text)]];
  const several = [answers].flat();
  const golds = several.flatMap((where) => valueAt(values, where) ?? []);
  named.push(['answers', several.length === 1 ? valueAt(values, several[0] as string) : golds]);
  if (id !== null) named.push(['id', valueAt(values, id)]);
  if (task !== null) named.push(['task', valueAt(values, task)]);
  if (paragraphs !== null) named.push(['context', valueAt(values, paragraphs)]);
  const used = [text, answers, id, task, paragraphs].flat().filter((where) => where !== null);
  const rest = used.reduce<unknown>(without, values);
  return { meta: rest, ...Object.fromEntries(named.filter(([, value]) => value !== undefined)) };
}

/** What is left of a value when the path is taken out; an object that has nothing else goes with it. */
function without(value: unknown, where: string): unknown {
  if (!isObject(value)) return value;
  const [first = '', ...more] = Object.hasOwn(value, where) ? [where] : where.split('.');
  if (!Object.hasOwn(value, first)) return value;
  const { [first]: inner, ...rest } = value;
  const left = more.length === 0 ? undefined : without(inner, more.join('.'));
  const isGone = left === undefined || (isObject(left) && Object.keys(left).length === 0);
  return isGone ? rest : { ...rest, [first]: left };
}
