/** The paragraphs that come with a question, in the forms that data sets have them. */

import { type Article, TEXT_NAMES, TITLE_NAMES, titledByFirstLine, wholeText } from '../input/article.ts';
import { isObject } from '../input/value-at.ts';

/**
 * The articles of a field, `title` being that of a text by itself. Known are: `[title, [sentence, ...]]` (HotPotQA), `[title, text]` (BeerQA), columns
 * `{title: [...], sentences: [[...]]}` (the hub's HotPotQA), objects with a title and a text under one of
 * several names (MuSiQue, FlashRAG), and plain texts,
 * and each of these as JSON in a text, as tables have them. Null where it is none of these.
 */
export function articlesOf(value: unknown, title = ''): readonly Article[] | null {
  if (typeof value === 'string') {
    const inner = writtenValue(value);
    return (inner === null ? null : articlesOf(inner)) ?? [article(title, value)];
  }
  if (isObject(value)) return ofColumns(value);
  if (!Array.isArray(value)) return null;
  const found = value.map(articleOf);
  return found.every((one) => one !== null) ? found : null;
}

/** The list or object that a text is as JSON. */
function writtenValue(text: string): object | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** The titles of the paragraphs that are marked as those that the answer needs, as MuSiQue marks them. */
export function supportingTitles(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown) =>
    isObject(one) && one.is_supporting === true && typeof one.title === 'string' ? [one.title] : [],
  );
}

function articleOf(value: unknown): Article | null {
  if (typeof value === 'string') return article('', value);
  if (Array.isArray(value)) {
    const [title, text, ...more] = value as unknown[];
    const whole = wholeText(text);
    return typeof title === 'string' && whole !== null && more.length === 0 ? article(title, whole) : null;
  }
  if (!isObject(value)) return null;
  const title = TITLE_NAMES.map((name) => value[name]).find((found) => typeof found === 'string');
  const text = TEXT_NAMES.map((name) => wholeText(value[name])).find((found) => found !== null) ?? null;
  return text === null ? null : article((title as string | undefined) ?? '', text);
}

function ofColumns(value: Readonly<Record<string, unknown>>): readonly Article[] | null {
  const titles = value.title ?? value.titles;
  const texts = value.sentences ?? value.text ?? value.content ?? value.paragraphs;
  if (!Array.isArray(titles) || !Array.isArray(texts) || titles.length !== texts.length) {
    const one = articleOf(value);
    return one === null ? null : [one];
  }
  const found = titles.map((title, at) => articleOf([title, texts[at]]));
  return found.every((one) => one !== null) ? found : null;
}

function article(title: string, text: string): Article {
  return title === '' ? titledByFirstLine(text) : { title: title.trim(), text: text.trim() };
}
