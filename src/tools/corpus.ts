/** Reads a search corpus as a stream: a file of articles in any format that `input/any-rows.ts` knows. */
import { z } from 'zod';
import { DataError } from '../errors.ts';
import { anyRows } from '../input/any-rows.ts';
import { type Article, TEXT_NAMES, TITLE_NAMES, titledByFirstLine, wholeText } from '../input/article.ts';
import { fileInput } from '../input/input.ts';
import { parseJson } from '../input/rows.ts';
import { isObject, keysText, valueAt } from '../input/value-at.ts';
import { nearest } from '../suggest.ts';

const where = z.string().min(1).max(200);

export const articleColumns = z.strictObject({
  text: where.describe('Where the text is: a key, a column, or a path such as `data.body`.'),
  title: where.nullable().default(null).describe('Where the title is; null: there are none.'),
});
export type ArticleColumns = z.output<typeof articleColumns>;

export interface CorpusFile {
  readonly path: string;
  /** Which columns hold what; null: those of a layout that is known, by the first record. */
  readonly columns?: ArticleColumns | null;
}

export interface ReadArticle {
  /** Null: one of those to be skipped, which are not looked at. */
  readonly article: Article | null;
  /** How much of the file is read, between 0 and 1; null where that is not known, as of a compressed one. */
  readonly share: number | null;
}

/** The articles of a file, in order. Throws `DataError` with file and line (or index, or row) for anything else. */
export async function* readCorpus(file: CorpusFile): AsyncGenerator<Article, void, void> {
  for await (const { article } of readCorpusFrom(file, { bytes: 0, skip: 0 })) {
    if (article !== null) yield article;
  }
}

/** As `readCorpus`, with how much of the file, of so many bytes, is read; the first `skip` come without an article. */
export async function* readCorpusFrom(
  { path, columns = null }: CorpusFile,
  { bytes, skip }: { readonly bytes: number; readonly skip: number },
): AsyncGenerator<ReadArticle, void, void> {
  const isCompressed = /\.(gz|zst|zstd)$/i.test(path);
  let articleOf: ((values: Values, place: string) => Article) | null = null;
  let number = 0;
  for await (const row of anyRows(fileInput(path))) {
    const { text, place, error, offset } = row;
    if (text === null) throw error;
    const isSkipped = number++ < skip;
    const isKnown = !isCompressed && (offset > 0 || number === 1);
    const share = isKnown ? Math.min(1, offset / Math.max(bytes, 1)) : null;
    if (isSkipped && articleOf !== null) {
      yield { article: null, share };
      continue;
    }
    const values: unknown = parseJson({ ...row, text }, z.unknown(), EXPECTED);
    if (!isObject(values)) {
      const found = JSON.stringify(values).slice(0, 60);
      throw new DataError(`${place}: expected ${EXPECTED}, found ${found}`);
    }
    articleOf ??= columns === null ? byLayout(values, place) : byColumns(columns, values, place);
    yield { article: isSkipped ? null : articleOf(values, place), share };
  }
}

type Values = Readonly<Record<string, unknown>>;

const EXPECTED = 'an article: a JSON object with a text and a title';

/** By the names that the first record has, in any letter case. */
function byLayout(first: Values, place: string): (values: Values, place: string) => Article {
  const keys = Object.keys(first);
  const [text, title] = [keyOf(first, TEXT_NAMES), keyOf(first, TITLE_NAMES)];
  const isTable = /\.[ct]sv(?:\.\w+)?:\d+$/i.test(place);
  if (text === null) {
    throw new DataError(
      `${place}: expected an article, with its text under \`text\`, \`contents\` or the like, found ${keysText(first)}${isTable ? ' on its first line' : ''}; the search tool's \`columns\` says which means what`,
    );
  }
  if (title === null) {
    const slip = nearest('title', keys);
    if (slip !== null) {
      throw new DataError(`${place}: the key \`${slip}\` is not known; did you mean \`title\`?`);
    }
    // FlashRAG and Pyserini have both in one.
    if (text.toLowerCase() === 'contents') {
      const whole = reading({ text, title }, ownValue);
      return (values, at) => titledByFirstLine(whole(values, at).text);
    }
    // Others may have one.
    return (values, at) => reading({ text, title: keyOf(values, TITLE_NAMES) }, ownValue)(values, at);
  }
  return reading({ text, title }, ownValue);
}

/** The first of these names that is a key, in any letter case where none is written so. */
function keyOf(values: Values, names: readonly string[]): string | null {
  const keys = Object.keys(values);
  for (const name of names) {
    const key = keys.find((one) => one === name) ?? keys.find((one) => one.trim().toLowerCase() === name);
    if (key !== undefined) return key;
  }
  return null;
}

/** By the topology's names, which the first record must have. */
function byColumns(
  columns: ArticleColumns,
  first: Values,
  place: string,
): (values: Values, place: string) => Article {
  for (const [setting, path] of Object.entries(columns)) {
    if (path === null || valueAt(first, path) !== undefined) continue;
    const near = nearest(path, Object.keys(first));
    const hint = near === null ? '' : `; did you mean \`${near}\`?`;
    throw new DataError(
      `${place}: expected \`columns.${setting}\` of the search tool at \`${path}\`, found ${keysText(first)}${hint}`,
    );
  }
  return reading(columns, valueAt);
}

function ownValue(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

function reading(
  { text, title }: ArticleColumns,
  at: (values: Values, key: string) => unknown,
): (values: Values, place: string) => Article {
  return (values, place) => {
    const whole = wholeText(at(values, text));
    if (whole === null) throw notText(text, at(values, text), { values, place });
    if (title === null) return { title: '', text: whole };
    const named = at(values, title);
    if (named !== null && typeof named !== 'string') throw notText(title, named, { values, place });
    return { title: named ?? '', text: whole };
  };
}

function notText(
  key: string,
  found: unknown,
  { values, place }: { readonly values: Values; readonly place: string },
): DataError {
  const what = found === undefined ? `none: ${keysText(values)}` : kindOf(found);
  return new DataError(`${place}: expected a text under \`${key}\`, found ${what}`);
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array of other things' : `a ${typeof value}`;
}
