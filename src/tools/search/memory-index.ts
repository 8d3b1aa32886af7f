/** An index in memory, for small corpora: BM25+ over titles and texts apart (minisearch). */
import MiniSearch from 'minisearch';
import type { Article } from '../../input/article.ts';
import type { ArticleIndex } from './article-index.ts';
import { MemoryArticles } from './memory-articles.ts';

export class MemoryIndex extends MemoryArticles implements ArticleIndex {
  readonly #index: MiniSearch<Article & { readonly id: number }>;

  /** `titleBoost`: what a word in a title counts, where one in the text counts 1. */
  constructor(titleBoost: number) {
    super();
    this.#index = new MiniSearch({
      fields: ['title', 'text'],
      tokenize: words,
      processTerm: (term) => term,
      searchOptions: { boost: { title: titleBoost }, tokenize: (term) => [term] },
    });
  }

  override add({ title, text }: Article): void {
    this.#index.add({ id: this.size, title, text });
    super.add({ title, text });
  }

  wordsOf(query: string): readonly string[] {
    return [...new Set(words(query))];
  }

  /** `goOn` is asked after each word. */
  async rank(
    terms: readonly string[],
    count: number,
    goOn: () => Promise<boolean>,
  ): Promise<readonly number[] | null> {
    const scores = new Map<number, number>();
    for (const term of terms) {
      for (const { id, score } of this.#index.search(term)) scores.set(id, (scores.get(id) ?? 0) + score);
      if (!(await goOn())) return null;
    }
    const ranked = [...scores].sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || a - b);
    return ranked.slice(0, count).map(([id]) => id);
  }
}

/**
 * Words and numbers (and `c++`, `c#`), lower case and without accents; parts of more than 64 characters are
 * cut.
 */
function words(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return (plain.match(/(?<![\p{L}\p{N}])\p{L}(?:\+\+|#)|[\p{L}\p{N}]+/gu) ?? []).map((word) =>
    word.slice(0, 64),
  );
}
