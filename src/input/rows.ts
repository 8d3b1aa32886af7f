/** The pieces of a data file, one per record, each with its place; and what to do with bad ones. */
import type { z } from 'zod';
import { DataError } from '../errors.ts';

/** A record's text as it stands in a file, or why there is none. */
export interface Row {
  /** `train.jsonl:17` or `train.json[17] (byte 20480)`: for messages. */
  readonly place: string;
  /** The line's number from 1, or the element's index from 0. */
  readonly number: number;
  /** Where it begins, in bytes. */
  readonly offset: number;
  readonly text: string | null;
  readonly error: DataError | null;
}

export interface ReadOptions {
  /** Called with each malformed record, which is then left out. Without it the first one is thrown. */
  readonly skip?: (error: DataError) => void;
  /** Told of each record whose id is made by the reader, of the file's name and the record's place in it. */
  readonly onGenerated?: (record: object) => void;
  /** Whether records whose ids were there already pass, as whoever reads them knows. */
  readonly repeats?: boolean;
  /** The task that the questions are of; by default the data set's own. */
  readonly task?: string;
  /** Hears of the paragraphs that come with each question, as titles and texts; waited for. */
  readonly onArticles?: (
    articles: readonly { readonly title: string; readonly text: string }[],
  ) => Promise<void>;
}

/** Parses rows one by one; a `DataError` goes to `skip` or is thrown. */
export async function* parseRows<T>(
  rows: AsyncIterable<Row>,
  parse: (row: Row & { readonly text: string }) => T | Promise<T>,
  options: Pick<ReadOptions, 'skip'>,
): AsyncGenerator<T, void, void> {
  for await (const row of rows) {
    let parsed: T;
    try {
      if (row.error !== null) throw row.error;
      parsed = await parse(row as Row & { readonly text: string });
    } catch (caught) {
      const error = isTooDeep(caught) ? tooDeep(row.place, caught) : caught;
      if (!(error instanceof DataError) || options.skip === undefined) throw error;
      options.skip(error);
      continue;
    }
    yield parsed;
  }
}

/** Values that are walked recursively may be nested deeper than the stack. */
function isTooDeep(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('call stack');
}

function tooDeep(place: string, cause: unknown): DataError {
  return new DataError(
    `${place}: expected a record, found one with too many lists and objects inside one another`,
    {
      cause,
    },
  );
}

/** The row's JSON, checked; throws `DataError` with the row's place, what was expected and what was found. */
export function parseJson<S extends z.ZodType>(
  row: Row & { readonly text: string },
  schema: S,
  expected: string,
): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(LONG_INTEGER.test(row.text) ? longIntegersQuoted(row.text) : row.text);
    if (/\\u[dD]/.test(row.text)) value = wellFormed(value);
  } catch (error) {
    if (isTooDeep(error)) throw error;
    const start = row.text.trimStart().slice(0, 40);
    throw new DataError(
      `${row.place}: expected ${expected}, found text that is not JSON, beginning with ${JSON.stringify(start)}: ${(error as Error).message}`,
      { cause: error },
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map(String).join('.');
    return path === '' ? issue.message : `\`${path}\`: ${issue.message}`;
  });
  throw new DataError(`${row.place}: expected ${expected}; ${problems.join('; ')}`);
}

const LONG_INTEGER = /\d{16}/;

/** Whole numbers that a double would change, such as ids of 64 bits, as texts. */
function longIntegersQuoted(text: string): string {
  let inText = false;
  return text.replaceAll(/\\.|"|(?<![\w.+-])-?[1-9]\d{15,}(?![\d.eE])/gs, (found) => {
    if (found === '"') inText = !inText;
    const isKept = inText || !/\d$/.test(found) || Number.isSafeInteger(Number(found));
    return isKept ? found : `"${found}"`;
  });
}

/**
 * Lone surrogates, which only `\ud...` escapes can bring into UTF-8 text, replaced: records cannot hold them.
 */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.toWellFormed(), wellFormed(item)]),
  );
}
