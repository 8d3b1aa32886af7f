/**
 * Learns byte-pair merges from texts (Sennrich et al., arXiv 1508.07909): again and again the most frequent
 * pair of neighbors within a word becomes one token.
 */
import { toByteLevel } from './byte-level.ts';

export type Merge = readonly [string, string];

interface Word {
  pieces: string[];
  readonly count: number;
}

interface Pair {
  readonly merge: Merge;
  count: number;
  /** Indices of words that have, or had, the pair. */
  readonly words: Set<number>;
}

/**
 * Up to `count` merges, the most frequent first; equals in the order of their spelling, so that the result is
 * a function of the texts. Pairs seen once are not merged. `split` cuts a text into words.
 */
export function trainMerges(
  texts: Iterable<string>,
  options: { readonly count: number; readonly split: (text: string) => readonly string[] },
): Merge[] {
  const words = countWords(texts, options.split);
  const pairs = new Map<string, Pair>();
  for (const index of words.keys()) countPairs(words, index, pairs, 1);
  const merges: Merge[] = [];
  while (merges.length < options.count) {
    const best = mostFrequent(pairs);
    if (!best || best.count < 2) break;
    merges.push(best.merge);
    for (const index of best.words) {
      countPairs(words, index, pairs, -1);
      words[index].pieces = merged(words[index].pieces, best.merge);
      countPairs(words, index, pairs, 1);
    }
    pairs.delete(pairKey(best.merge));
  }
  return merges;
}

function countWords(texts: Iterable<string>, split: (text: string) => readonly string[]): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of split(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => ({ pieces: [...toByteLevel(word)], count }));
}

function countPairs(words: readonly Word[], index: number, pairs: Map<string, Pair>, sign: 1 | -1): void {
  const { pieces, count } = words[index];
  for (let i = 1; i < pieces.length; i++) {
    const merge: Merge = [pieces[i - 1], pieces[i]];
    const key = pairKey(merge);
    let pair = pairs.get(key);
    if (!pair) {
      pair = { merge, count: 0, words: new Set() };
      pairs.set(key, pair);
    }
    pair.count += sign * count;
    if (sign === 1) pair.words.add(index);
  }
}

function mostFrequent(pairs: ReadonlyMap<string, Pair>): Pair | undefined {
  let best: Pair | undefined;
  for (const pair of pairs.values()) {
    if (
      !best ||
      pair.count > best.count ||
      (pair.count === best.count && pairKey(pair.merge) < pairKey(best.merge))
    ) {
      best = pair;
    }
  }
  return best;
}

function merged(pieces: readonly string[], [left, right]: Merge): string[] {
  const result: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) {
      result.push(left + right);
      i += 1;
    } else {
      result.push(pieces[i]);
    }
  }
  return result;
}

/** No piece contains a space: it is `Ġ` there. */
function pairKey([left, right]: Merge): string {
  return `${left} ${right}`;
}
