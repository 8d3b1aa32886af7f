/** In which ways articles are ranked for a query: by words, by vectors, or by both. */
import type { ArticleIndex } from './article-index.ts';
import { fuse } from './dense/fuse.ts';
import type { DenseIndex } from './dense/open-vectors.ts';

/** What a query is looked up by: articles as `ArticleIndex.rank`. */
type LookUp = (count: number, goOn: () => Promise<boolean>) => Promise<readonly number[] | null>;

/** Null for a query in which there is nothing to look up. An endpoint may be asked: throws as that does. */
export type Ranking = (query: string, signal: AbortSignal) => Promise<LookUp | null>;

export interface Fusion {
  /** Added to ranks. */
  readonly k: number;
  /** How many of each ranking are looked at. */
  readonly depth: number;
}

export function byWords(index: ArticleIndex): Ranking {
  return async (query) => {
    const words = index.wordsOf(query);
    return words.length === 0 ? null : (count, goOn) => index.rank(words, count, goOn);
  };
}

export function byVectors(dense: DenseIndex): Ranking {
  return async (query, signal) => {
    // Lone halves of characters are nothing that can be sent.
    const text = query.toWellFormed().trim();
    if (text === '') return null;
    const vector = await dense.query(text, signal);
    return (count, goOn) => dense.rank(vector, count, goOn);
  };
}

/** A query without words is looked up by its vector alone. */
export function byBoth(words: Ranking, vectors: Ranking, { k, depth }: Fusion): Ranking {
  return async (query, signal) => {
    const near = await vectors(query, signal);
    const named = await words(query, signal);
    if (near === null) return null;
    return async (count, goOn) => {
      const rankings: (readonly number[])[] = [];
      for (const lookUp of [named, near]) {
        const ranked = lookUp === null ? [] : await lookUp(Math.max(count, depth), goOn);
        if (ranked === null) return null;
        rankings.push(ranked);
      }
      return fuse(rankings, k).slice(0, count);
    };
  };
}
