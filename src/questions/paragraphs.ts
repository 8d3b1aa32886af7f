/** The paragraphs that come with a question, in the forms that data sets have them. */

/** An article for the search tool's corpus. */
export interface Article {
  readonly title: string;
  readonly text: string;
}

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

/** Names of the text of an article, and of its title. */
const TEXTS = ['paragraph_text', 'text', 'contents', 'content', 'paragraph', 'sentences', 'passage', 'body'];
const TITLES = ['title', 'wikipedia_title', 'name', 'page'];

function articleOf(value: unknown): Article | null {
  if (typeof value === 'string') return article('', value);
  if (Array.isArray(value)) {
    const [title, text, ...more] = value as unknown[];
    const whole = textOf(text);
    return typeof title === 'string' && whole !== null && more.length === 0 ? article(title, whole) : null;
  }
  if (!isObject(value)) return null;
  const title = TITLES.map((name) => value[name]).find((found) => typeof found === 'string');
  const text = TEXTS.map((name) => textOf(value[name])).find((found) => found !== null) ?? null;
  return text === null ? null : article((title as string | undefined) ?? '', text);
}

/** Sentences are joined as they are: HotPotQA's have their blanks. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value.join('') : null;
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

/** FlashRAG has a title in quotation marks on the first line of an article's text. */
function article(title: string, text: string): Article {
  const [first = '', ...rest] = title === '' ? text.split('\n') : [];
  const named = rest.length > 0 && /^\s*"?.{1,200}"?\s*$/.test(first);
  if (named) return { title: first.trim().replace(/^"(.*)"$/, '$1'), text: rest.join('\n').trim() };
  return { title: title.trim(), text: text.trim() };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
