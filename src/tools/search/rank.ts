/**
 * The best articles of a query, exactly, without scoring most of them: MaxScore (Turtle and Flood 1995) with the
 * highest scores of blocks (Ding and Suel 2011), window by window as Lucene does it.
 *
 * Words are sorted by the most that they can give. As soon as enough articles are found, the words whose most
 * together is no more than the worst of these need not be gone through: an article without any of the others is
 * no better, and comes later. They are only looked up for articles that could still be among the best.
 */
import { Best } from './best.ts';
import { END, type WordCursor } from './word-cursor.ts';

/** Articles of a window. */
const WINDOW = 1024;
/** After how many windows others get a turn. */
const TURN = 256;

/** As `ArticleIndex.rank`, over cursors that are at their beginning. */
export async function rank(
  cursors: readonly WordCursor[],
  { count, goOn }: { readonly count: number; readonly goOn: () => Promise<boolean> },
): Promise<number[] | null> {
  const words = [...cursors].sort((a, b) => a.best - b.best);
  /** The most that the words before one give together. */
  const before = [0];
  for (const [i, { best }] of words.entries()) before.push(before[i] + best);
  const best = new Best(count);
  /** The same within a window. */
  const within = new Float64Array(words.length + 1);
  const window = new Window();
  let first = 0;
  for (let windows = 0; ; windows++) {
    if (windows % TURN === 0 && !(await goOn())) return null;
    // From here on are the words that an article needs one of.
    while (first < words.length && before[first + 1] <= best.least) first++;
    let from = END;
    for (let i = first; i < words.length; i++) from = Math.min(from, words[i].article);
    if (from === END) return best.found.map(({ article }) => article);
    const to = Math.min(from + WINDOW, END);
    within[0] = 0;
    for (let i = 0; i < words.length; i++) within[i + 1] = within[i] + words[i].bestWithin(from, to);
    // And of the window.
    let needed = first;
    while (needed < words.length && within[needed + 1] <= best.least) needed++;
    for (let i = needed; i < words.length; i++) window.add(words[i], from, to);
    if (needed < words.length) window.take(from, words, { first: needed, before: within, best });
    for (let i = first; i < needed; i++) words[i].seek(to);
  }
}

/** The scores of the articles of a window, and which have one. */
class Window {
  readonly #scores = new Float64Array(WINDOW);
  readonly #marks = new Int32Array(WINDOW / 32);

  /** Adds what a word gives the articles from one to before another, and leaves it after them. */
  add(word: WordCursor, from: number, to: number): void {
    const [scores, marks] = [this.#scores, this.#marks];
    word.seek(from);
    while (word.article < to) {
      const { articles, scores: given } = word;
      let { at } = word;
      for (; at < articles.length && articles[at] < to; at++) {
        const offset = articles[at] - from;
        scores[offset] += given[at];
        marks[offset >>> 5] |= 1 << (offset & 31);
      }
      word.at = at;
      if (at < articles.length) break;
      word.nextPiece();
    }
  }

  /** Looks the others words up for each article that has a score, and forgets the scores. */
  take(from: number, words: readonly WordCursor[], state: PassState): void {
    const { best, before, first } = state;
    const most = before[first];
    for (let i = 0; i < this.#marks.length; i++) {
      for (let marks = this.#marks[i]; marks !== 0; marks &= marks - 1) {
        const offset = i * 32 + 31 - Math.clz32(marks & -marks);
        const score = this.#scores[offset];
        this.#scores[offset] = 0;
        if (score + most <= best.least) continue;
        const whole = withOthers(words, from + offset, score, state);
        if (whole > best.least) best.add({ article: from + offset, score: whole });
      }
      this.#marks[i] = 0;
    }
  }
}

interface PassState {
  readonly best: Best;
  readonly before: Float64Array;
  readonly first: number;
}

/** The score with the words before `first` too, or 0 where it is no more than the least. */
function withOthers(
  words: readonly WordCursor[],
  article: number,
  score: number,
  { first, before, best }: PassState,
): number {
  const { least } = best;
  let sum = score;
  for (let i = first - 1; i >= 0; i--) {
    if (sum + before[i + 1] <= least) return 0;
    const word = words[i];
    if (sum + before[i] + word.bestOf(article) <= least) return 0;
    sum += word.scoreAt(article);
  }
  return sum;
}
