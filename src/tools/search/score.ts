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

/** How many articles there are, and words of all of them, each as often as it counts. */
export interface Collection {
  readonly articles: number;
  readonly words: number;
}

/** The idf of a word that `having` articles have, in units. */
export function idfOf(having: number, { articles }: Collection): number {
  return UNITS * Math.log(1 + (articles - having + 0.5) / (having + 0.5));
}

/** Of each article what stands beside `tf` in its scores, by its length. */
export function dampingOf(lengths: Uint32Array, { articles, words }: Collection): Float32Array {
  const perWord = (K1 * B * articles) / Math.max(words, 1);
  const damping = new Float32Array(lengths.length);
  for (let i = 0; i < lengths.length; i++) damping[i] = K1 * (1 - B) + perWord * lengths[i];
  return damping;
}

/** The score of a word that is `tf` times in an article: at least 1, since it is there. */
export function scoreOf(idf: number, tf: number, damping: number): number {
  // At most 2^24 ln(2^31), which fits into 32 bits: cutting it off is cheaper than rounding it.
  return 1 + (((idf * tf) / (tf + damping)) | 0);
}
