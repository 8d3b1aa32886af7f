/**
 * What a word counts in an article: BM25 as Lucene has it (Robertson and Zaragoza 2009, equation 3.15, with the
 * idf that is never negative), in units of 2^-24.
 *
 *     idf(word) * tf / (tf + k1 * (1 - b + b * length / mean length)),  idf = ln(1 + (N - n + 0.5) / (n + 0.5))
 *
 * Whole numbers add up to the same in any order: equal articles have equal scores, whatever was skipped on the way.
 */
const K1 = 1.5;
const B = 0.75;
const UNITS = 2 ** 24;

/** How often a word is in how many articles. */
export interface Collection {
  readonly articles: number;
  /** Words of all articles together, each as often as it counts. */
  readonly words: number;
}

/** What decides the scores of one word. */
export interface Weighing {
  readonly idf: number;
  /** `k1 * (1 - b)`, and what a word of length adds. */
  readonly base: number;
  readonly perWord: number;
}

/** For a word that `having` articles have. */
export function weighing(having: number, { articles, words }: Collection): Weighing {
  return {
    idf: UNITS * Math.log(1 + (articles - having + 0.5) / (having + 0.5)),
    base: K1 * (1 - B),
    perWord: (K1 * B * articles) / Math.max(words, 1),
  };
}

/** The score of a word that is `tf` times in an article of `length` words: at least 1, since it is there. */
export function scoreOf({ idf, base, perWord }: Weighing, tf: number, length: number): number {
  return Math.max(1, Math.round((idf * tf) / (tf + base + perWord * length)));
}
