/** What the search tool looks things up in, and shows. */
import type { Article } from '../../input/article.ts';

export interface Articles {
  /** How many there are. */
  readonly size: number;
  article(number: number): Article;
  close(): Promise<void>;
}

export interface ArticleIndex extends Articles {
  /** The words of a query, each once, in order. */
  wordsOf(query: string): readonly string[];
  /**
   * Numbers of the articles that fit best, best first, of equal ones the first; null when `goOn` says that the
   * time is up. `goOn` is asked now and then, and gives way to others.
   */
  rank(
    words: readonly string[],
    count: number,
    goOn: () => Promise<boolean>,
  ): Promise<readonly number[] | null>;
}
