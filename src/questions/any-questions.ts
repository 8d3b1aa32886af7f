/**
 * Questions from a file in any format and layout that is known: `input/any-rows.ts` says which formats, and
 * `fields.ts` which keys mean what.
 */
import { z } from 'zod';
import { goldFields } from '../agent/gold-answers.ts';
import { DataError } from '../errors.ts';
import { anyRows } from '../input/any-rows.ts';
import type { Article } from '../input/article.ts';
import type { Input } from '../input/input.ts';
import { MAX_QUESTION_BYTES } from '../input/lines.ts';
import { parseJson, parseRows, type ReadOptions, type Row } from '../input/rows.ts';
import { isObject, keysText } from '../input/value-at.ts';
import { kind } from '../parts/kind.ts';
import { nearest } from '../suggest.ts';
import type { Question } from '../topics/records.generated.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { type Layout, layoutOf } from './layouts.ts';
import type { Reader, ReaderContext } from './reader.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface AnyOptions extends ReadOptions {
  /** The topology's tasks, of which a question without one is of the layout's, or of the only one. */
  readonly tasks?: readonly string[];
  /** What the keys of a record are called in the layouts that are known, where they have names of their own. */
  readonly mapping?: Mapping;
}

export interface Mapping {
  readonly renamed: (values: Values) => Values;
  /** What a file whose first record is this has not, as a sentence; null: nothing is missing. */
  readonly missing: (values: Values) => string | null;
  /** Their own names, for messages. */
  readonly names: { readonly text: string; readonly answers: string };
}

const EXPECTED = 'a question: a JSON object';

/** The questions. A file whose first record has no question at all is refused as a whole. */
export async function* readAnyQuestions(
  input: Input,
  options: AnyOptions = {},
): AsyncGenerator<Question, void, void> {
  const questionOf = maker(input, options);
  const found = parseRows(anyRows(input), questionOf, options);
  try {
    for await (const { question, articles } of found) {
      await options.onArticles?.(articles);
      yield question;
    }
  } catch (error) {
    if (error instanceof UnfitFile) throw new DataError(error.message, { cause: error });
    throw error;
  }
}

interface Found {
  readonly question: Question;
  readonly articles: readonly Article[];
}

function maker(input: Input, options: AnyOptions): (row: Row & { readonly text: string }) => Found {
  const seen = new Map<string, string>();
  let isFirst = true;
  return (row) => {
    const raw = parseJson(row, z.unknown(), EXPECTED);
    if (!isObject(raw)) throw new DataError(`${row.place}: expected ${EXPECTED}, found ${shown(raw)}`);
    if (Object.hasOwn(raw, '__proto__')) throw new DataError(`${row.place}: expected no key \`__proto__\``);
    const whole = isFirst;
    isFirst = false;
    const missing = whole ? (options.mapping?.missing(raw) ?? null) : null;
    if (missing !== null) throw new UnfitFile(`${row.place}: ${missing}`);
    const fields = fieldsOf(options.mapping?.renamed(raw) ?? raw);
    try {
      return questionOf({
        row,
        fields,
        layout: layoutOf(raw, fields),
        input,
        options,
        seen,
        raw,
      });
    } catch (error) {
      // What the first record lacks the others lack too: said once, and not for every line.
      throw whole && error instanceof Unfit ? new UnfitFile(error.message, { cause: error }) : error;
    }
  };
}

/** A record without a question or a task. */
class Unfit extends DataError {}

/** So is every record of the file: an error that is not skipped. */
class UnfitFile extends Error {}

interface Making {
  readonly row: Row;
  readonly fields: Fields;
  readonly layout: Layout;
  readonly input: Input;
  readonly options: AnyOptions;
  /** Where each id was. */
  readonly seen: Map<string, string>;
  readonly raw: Values;
}

function questionOf({ row, fields, layout, input, options, seen, raw }: Making): Found {
  const { text, golds, articles, meta, twice } = fields;
  if (text === null) throw noText(row.place, fields, { raw, names: options.mapping?.names });
  if (twice.length > 0)
    throw new DataError(`${row.place}: expected one of \`text\` and \`question\`, found both`);
  if (text.length > MAX_QUESTION_BYTES / 4) {
    throw new DataError(
      `${row.place}: expected a question of at most ${MAX_QUESTION_BYTES / 4} characters, found ${text.length}`,
    );
  }
  const texts = [...Object.entries(meta), ...golds.map((gold) => ['a gold answer', gold] as const)];
  for (const [key, value] of texts) {
    if (value.length <= MAX_QUESTION_BYTES / 4) continue;
    throw new DataError(
      `${row.place}: \`${key}\`: expected at most ${MAX_QUESTION_BYTES / 4} characters, found ${value.length}`,
    );
  }
  if (golds.length === 0) refuseLost(row.place, fields, options.mapping?.names.answers);
  const own = fields.id === null ? null : idText(fields.id, row.place);
  const id = own === null ? layout.generated(input.stem, row.number) : layout.named(own);
  const before = options.repeats === true ? undefined : seen.get(id);
  if (before !== undefined) {
    throw new DataError(`${row.place}: the id ${JSON.stringify(id)} is there twice: first at ${before}`);
  }
  const task = fields.task ?? options.task ?? defaultTask(layout.task, options.tasks ?? []);
  if (task === null) {
    throw new Unfit(
      `${row.place}: expected \`task\`, the name of one of the topology's tasks (or --task for all of the file)`,
    );
  }
  if (options.repeats !== true) seen.set(id, row.place);
  const source = fields.source ?? layout.source(input.base, row.number);
  const question: Question = { id, task, text, ...goldFields(golds), source, meta: { ...meta } };
  if (own === null) options.onGenerated?.(question);
  return { question, articles };
}

/** A gold answer that is empty, not understood or under a misspelt key would be lost without a word. */
function refuseLost(place: string, { emptyGold, oddGold, meta }: Fields, own?: string): void {
  if (emptyGold !== null) {
    throw new DataError(
      `${place}: \`${own ?? emptyGold}\`: expected an answer, found an empty one (null, or no such key, is none)`,
    );
  }
  if (oddGold !== null) {
    throw new DataError(
      `${place}: \`${own ?? oddGold.key}\`: expected a text, a number, true, false, or a list of them, found ${shown(oddGold.value)}`,
    );
  }
  if (own !== undefined) return;
  const slip = Object.keys(meta).find((key) => nearest(key, ['answer', 'answers']) !== null);
  if (slip !== undefined) {
    throw new DataError(
      `${place}: the key \`${slip}\` is not known; did you mean \`${nearest(slip, ['answer', 'answers'])}\`?`,
    );
  }
}

/** A question that is empty is that record's; a file without such a key, or with something else there, is refused. */
function noText(
  place: string,
  { oddText }: Fields,
  { raw, names }: { readonly raw: Values; readonly names?: Mapping['names'] | undefined },
): DataError {
  if (oddText !== null) {
    const { key, value } = oddText;
    const isEmpty =
      value === null || value === undefined || (typeof value === 'string' && value.trim() === '');
    const message = `${place}: \`${names?.text ?? key}\`: expected a question, found ${isEmpty ? 'none' : shown(value)}`;
    return isEmpty ? new DataError(message) : new Unfit(message);
  }
  return new Unfit(
    `${place}: expected a question under \`question\`, \`text\` or \`prompt\`, found ${keysText(raw)}; a reader of the kind \`columns\` says which means what`,
  );
}

/** A value, for messages: of messages who speaks. */
function shown(value: unknown): string {
  if (Array.isArray(value) && value.length > 0 && value.every((one) => isObject(one) && 'role' in one)) {
    const roles = value.slice(0, 6).map((one: { readonly role?: unknown }) => String(one.role));
    return `messages of ${roles.join(', ')}: those of the user alone, and of the system, are a question`;
  }
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** An id without what ids of records are joined by. */
function idText(id: string, place: string): string {
  if (/^[^/\s]{1,200}$/.test(id)) return id;
  throw new DataError(
    `${place}: expected an id of at most 200 characters without blanks and \`/\`, found ${JSON.stringify(id.slice(0, 60))}`,
  );
}

/** The layout's task where the topology has it, or its only one. */
function defaultTask(ofLayout: string | null, tasks: readonly string[]): string | null {
  if (ofLayout !== null && (tasks.length !== 1 || tasks.includes(ofLayout))) return ofLayout;
  const [only = null] = tasks;
  return tasks.length === 1 ? only : null;
}

const layoutReader = (name: string, about: string) =>
  kind({
    name,
    about,
    settings: z.strictObject({}),
    make: async (_config: object, { tasks }: Pick<ReaderContext, 'tasks'>): Promise<Reader> => ({
      topic: 'questions',
      read: (input, options) => readAnyQuestions(input, { tasks, ...options }),
    }),
  });

export const questionsReader = layoutReader(
  'questions',
  'Questions in any layout that is known, by their keys.',
);
export const jsonLinesReader = layoutReader('json-lines', 'Your own questions, one JSON object per line.');
export const musiqueReader = layoutReader('musique', 'MuSiQue, with aliases and decompositions.');
export const twoWikiReader = layoutReader('2wikimultihopqa', '2WikiMultihopQA as published.');
export const beerqaReader = layoutReader('beerqa', 'BeerQA as published.');
export const cofcaReader = layoutReader('cofca', 'CofCA.');
export const flashragReader = layoutReader('flashrag', "FlashRAG's form of NQ and other sets.");
export const trlReader = layoutReader('trl', "TRL's rows: `prompt` as messages.");
export const verlReader = layoutReader('verl', "verl's rows: `prompt` and `reward_model.ground_truth`.");
