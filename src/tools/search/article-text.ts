/** How an article is shown, and embedded. */
import type { Article } from '../../input/article.ts';

/** `title: text`, or the text alone where it begins with the title. */
export function articleText({ title, text }: Article): string {
  return title === '' || text.startsWith(title) ? text : `${title}: ${text}`;
}
