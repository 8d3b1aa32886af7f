/** Articles in memory. */
import type { Article } from '../../input/article.ts';
import type { Articles } from './article-index.ts';

export class MemoryArticles implements Articles {
  readonly #articles: Article[] = [];

  get size(): number {
    return this.#articles.length;
  }

  add({ title, text }: Article): void {
    this.#articles.push({ title, text });
  }

  article(number: number): Article {
    return this.#articles[number];
  }

  async close(): Promise<void> {}
}
