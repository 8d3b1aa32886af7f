/** An article of a corpus or of a question's paragraphs, and the names that files have for its parts. */

export interface Article {
  readonly title: string;
  readonly text: string;
}

/** Names of the text of an article, and of its title. */
export const TEXT_NAMES = [
  'paragraph_text',
  'text',
  'contents',
  'content',
  'paragraph',
  'sentences',
  'passage',
  'body',
];
export const TITLE_NAMES = ['title', 'wikipedia_title', 'page_title', 'heading', 'headline', 'name', 'page'];

/** A text, or sentences, which are joined as they are: HotPotQA's have their blanks. Null where it is neither. */
export function wholeText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value.join('') : null;
}

/** A text without a title, of which FlashRAG has one in quotation marks on the first line. */
export function titledByFirstLine(whole: string): Article {
  const [first = '', ...rest] = whole.split('\n');
  const named = rest.length > 0 && /^\s*"?.{1,200}"?\s*$/.test(first);
  if (named) return { title: first.trim().replace(/^"(.*)"$/, '$1'), text: rest.join('\n').trim() };
  return { title: '', text: whole.trim() };
}
