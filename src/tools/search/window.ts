/** Some articles in a row, whose scores are added up together. */
import type { Best } from './best.ts';
import type { WordCursor } from './word-cursor.ts';

/** Articles of a window. */
export const WINDOW = 4096;

/** Looking a word up for one article takes as long as adding it to so many. */
const LOOK_UP = 10;

interface Pass {
  /** Sorted by the most that they can give. */
  readonly words: readonly WordCursor[];
  /** The first of those of which an article needs one. */
  readonly needed: number;
  /** The most that the words before one give together, within the window. */
  readonly before: Float64Array;
  readonly best: Best;
}

export class Window {
  /** What share of all articles a window has. */
  readonly #share: number;
  readonly #scores = new Float64Array(WINDOW);
  /** A bit for each article that has a word that is needed. */
  readonly #marks = new Int32Array(WINDOW / 32);
  /** Places in the window of those that could still be among the best, in ascending order. */
  readonly #places = new Int32Array(WINDOW);

  /** `articles`: how many there are of all. */
  constructor(articles: number) {
    this.#share = WINDOW / articles;
  }

  /**
   * Gives `best` the articles from one to before another: adds the words that are needed, then the others, the best of
   * them first, while that could still make a difference.
   */
  take([from, to]: readonly [number, number], { words, needed, before, best }: Pass): void {
    for (let i = needed; i < words.length; i++) this.#addNeeded(words[i], from, to);
    let size = this.#marked(best.least - before[needed]);
    for (let i = needed - 1; i >= 0 && size > 0; i--) {
      const word = words[i];
      if (size * LOOK_UP > word.size * this.#share) this.#add(word, from, to);
      else this.#lookUp(word, from, size);
      size = this.#left(size, best.least - before[i]);
    }
    for (let i = 0; i < size; i++) {
      const place = this.#places[i];
      const score = this.#scores[place];
      if (score > best.least) best.add({ article: from + place, score });
    }
    this.#scores.fill(0);
    this.#marks.fill(0);
  }

  /** Adds what a word gives, marks who has it, and leaves the word after the window. */
  #addNeeded(word: WordCursor, from: number, to: number): void {
    const [scores, marks] = [this.#scores, this.#marks];
    word.seek(from);
    while (word.article < to) {
      const { articles, scores: given } = word;
      let { at } = word;
      for (; at < articles.length && articles[at] < to; at++) {
        const place = articles[at] - from;
        scores[place] += given[at];
        marks[place >>> 5] |= 1 << (place & 31);
      }
      word.at = at;
      if (at < articles.length) break;
      word.nextPiece();
    }
  }

  /** The same without marks, in a loop of its own: it is what takes longest. */
  #add(word: WordCursor, from: number, to: number): void {
    const scores = this.#scores;
    word.seek(from);
    while (word.article < to) {
      const { articles, scores: given } = word;
      let { at } = word;
      for (; at < articles.length && articles[at] < to; at++) scores[articles[at] - from] += given[at];
      word.at = at;
      if (at < articles.length) break;
      word.nextPiece();
    }
  }

  #lookUp(word: WordCursor, from: number, size: number): void {
    const [scores, places] = [this.#scores, this.#places];
    for (let i = 0; i < size; i++) scores[places[i]] += word.scoreAt(from + places[i]);
  }

  /** How many marked ones have more than `least`, which are put into `places`. */
  #marked(least: number): number {
    const [scores, marks, places] = [this.#scores, this.#marks, this.#places];
    let size = 0;
    for (let i = 0; i < marks.length; i++) {
      for (let rest = marks[i]; rest !== 0; rest &= rest - 1) {
        const place = i * 32 + 31 - Math.clz32(rest & -rest);
        // Without a branch, which would be guessed wrong half of the time.
        places[size] = place;
        size += scores[place] > least ? 1 : 0;
      }
    }
    return size;
  }

  /** How many of `places` have more than `least`, which are moved to its front. */
  #left(size: number, least: number): number {
    const [scores, places] = [this.#scores, this.#places];
    let left = 0;
    for (let i = 0; i < size; i++) {
      const place = places[i];
      places[left] = place;
      left += scores[place] > least ? 1 : 0;
    }
    return left;
  }
}
