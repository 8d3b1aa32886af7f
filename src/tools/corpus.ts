/** Reads a search corpus, JSON lines of `{"title", "text"}`, as a stream. */
import { DataError } from '../errors.ts';
import { fileInput } from '../input/input.ts';
import { lines } from '../input/lines.ts';

export interface Article {
  readonly title: string;
  readonly text: string;
}

/**
 * The articles of a file, in order. Other keys than `title` and `text` pass, blank lines too. Throws
 * `DataError` with file and line for anything else.
 */
export async function* readCorpus(path: string): AsyncGenerator<Article, void, void> {
  for await (const { article } of readCorpusFrom(path, { bytes: 0, skip: 0 })) yield article;
}

/** How much of a file is read at a place of it; null where that is not known, as of a compressed one. */
export function shareOf(path: string, bytes: number): (offset: number) => number | null {
  if (/\.(gz|zst|zstd)$/i.test(path)) return () => null;
  return (offset) => Math.min(1, offset / Math.max(bytes, 1));
}

/** As `readCorpus`, without the first `skip` articles, with how much of the file, of so many bytes, is read. */
export async function* readCorpusFrom(
  path: string,
  { bytes, skip }: { readonly bytes: number; readonly skip: number },
): AsyncGenerator<{ readonly article: Article; readonly share: number | null }, void, void> {
  const shareAt = shareOf(path, bytes);
  let number = 0;
  for await (const { text, place, error, offset } of lines(fileInput(path))) {
    if (text === null) throw error;
    if (number++ >= skip) yield { article: readArticle(text, place), share: shareAt(offset) };
  }
}

/** The article of a line; `place` is its file and line, for what is wrong with it. */
export function readArticle(line: string, place: string): Article {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(
      `${place}: expected one article a line, a JSON object with "title" and "text": ${reason}`,
      { cause },
    );
  }
  const { title, text } = (value ?? {}) as { title?: unknown; text?: unknown };
  if (typeof title !== 'string' || typeof text !== 'string') {
    const found = typeof title !== 'string' ? `"title" is ${kindOf(title)}` : `"text" is ${kindOf(text)}`;
    throw new DataError(`${place}: expected {"title": string, "text": string}; ${found}${keysOf(value)}`);
  }
  return { title: title.toWellFormed(), text: text.toWellFormed() };
}

/** What an object has in their place. */
function keysOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '';
  const keys = Object.keys(value).slice(0, 8);
  return keys.length === 0
    ? ''
    : `; its keys are ${keys.map((key) => JSON.stringify(key.slice(0, 40))).join(', ')}`;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
