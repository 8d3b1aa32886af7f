/**
 * The best articles of a query, exactly, without scoring most of them: MaxScore (Turtle and Flood 1995) with the
 * highest scores of blocks (Ding and Suel 2011), window by window as Lucene does it.
 *
 * Words are sorted by the most that they can give. As soon as enough articles are found, the words whose most
 * together is no more than the worst of these need not be gone through: an article without any of the others is
 * no better, and comes later. They are only looked up for articles that could still be among the best.
 */
import { scoreOf } from './score.ts';
import { END, type WordCursor } from './word-cursor.ts';

/** Articles of a window. */
const WINDOW = 4096;
/** After how many windows others get a turn. */
const TURN = 64;

/** A score in hand for an article. */
interface Found {
  readonly article: number;
  readonly score: number;
}

/** As `ArticleIndex.rank`, over cursors that are at their beginning. */
export async function rank(
  cursors: readonly WordCursor[],
  {
    count,
    lengths,
    goOn,
  }: { readonly count: number; readonly lengths: Uint32Array; readonly goOn: () => Promise<boolean> },
): Promise<number[] | null> {
  const words = [...cursors].sort((a, b) => a.best - b.best);
  /** The most that the words before one give together. */
  const before = [0];
  for (const [i, { best }] of words.entries()) before.push(before[i] + best);
  const best = new Best(count);
  const window = new Window();
  let windows = 0;
  for (;;) {
    // The words that an article needs one of.
    let first = 0;
    while (first < words.length && (before[first + 1] ?? 0) <= best.least) first++;
    if (first === words.length) break;
    let from = END;
    for (let i = first; i < words.length; i++) from = Math.min(from, words[i].article);
    if (from === END) break;
    const to = Math.min(from + WINDOW, END);
    if (windows++ % TURN === 0 && !(await goOn())) return null;
    if (best.least > 0 && mostWithin(words, from, to, before[first] ?? 0, first) <= best.least) {
      for (let i = first; i < words.length; i++) words[i].seek(to);
      continue;
    }
    for (let i = first; i < words.length; i++) window.add(words[i], { from, to, lengths });
    const most = before[first];
    window.take((offset, score) => {
      if (score + most <= best.least) return;
      const article = from + offset;
      const whole = withOthers(words, { article, score, first, before, least: best.least, lengths });
      if (whole > best.least) best.add({ article, score: whole });
    });
  }
  return best.sorted().map(({ article }) => article);
}

/** The most that an article of the window can have. */
function mostWithin(
  words: readonly WordCursor[],
  from: number,
  to: number,
  others: number,
  first: number,
): number {
  let most = others;
  for (let i = first; i < words.length; i++) most += words[i].bestWithin(from, to);
  return most;
}

/** The scores of the articles of a window, and which have one. */
class Window {
  readonly #scores = new Float64Array(WINDOW);
  readonly #marks = new Int32Array(WINDOW / 32);

  /** Adds what a word gives the articles from one to before another, and leaves it after them. */
  add(
    word: WordCursor,
    { from, to, lengths }: { readonly from: number; readonly to: number; readonly lengths: Uint32Array },
  ): void {
    word.seek(from);
    const { articles, counts, weights } = word;
    while (word.article < to) {
      const { number } = word;
      let at = word.at;
      for (; at < number; at++) {
        const article = articles[at];
        if (article >= to) break;
        const offset = article - from;
        this.#scores[offset] += scoreOf(weights, counts[at], lengths[article]);
        this.#marks[offset >>> 5] |= 1 << (offset & 31);
      }
      word.at = at;
      if (at < number) break;
      word.nextBlock();
    }
  }

  /** Gives away each score, in the order of the articles. */
  take(each: (offset: number, score: number) => void): void {
    for (let i = 0; i < this.#marks.length; i++) {
      for (let marks = this.#marks[i]; marks !== 0; marks &= marks - 1) {
        const offset = i * 32 + 31 - Math.clz32(marks & -marks);
        each(offset, this.#scores[offset]);
        this.#scores[offset] = 0;
      }
      this.#marks[i] = 0;
    }
  }
}

/** The score with the words before `first` too, or something that is no more than `least`. */
function withOthers(
  words: readonly WordCursor[],
  {
    article,
    score,
    first,
    before,
    least,
    lengths,
  }: {
    readonly article: number;
    readonly score: number;
    readonly first: number;
    readonly before: readonly number[];
    readonly least: number;
    readonly lengths: Uint32Array;
  },
): number {
  let sum = score;
  for (let i = first - 1; i >= 0; i--) {
    if (sum + (before[i + 1] ?? 0) <= least) return 0;
    const word = words[i];
    if (sum + (before[i] ?? 0) + word.bestOf(article) <= least) return 0;
    word.seek(article);
    if (word.article === article) sum += scoreOf(word.weights, word.counts[word.at], lengths[article]);
  }
  return sum;
}

/** The best so far: those who come later must be better than the last of them. */
class Best {
  readonly #count: number;
  readonly #found: Found[] = [];
  /** What an article must exceed. */
  least = 0;

  constructor(count: number) {
    this.#count = count;
  }

  add(found: Found): void {
    let at = this.#found.length;
    while (at > 0 && this.#found[at - 1].score < found.score) at--;
    this.#found.splice(at, 0, found);
    if (this.#found.length > this.#count) this.#found.pop();
    if (this.#found.length === this.#count) this.least = this.#found[this.#count - 1].score;
  }

  sorted(): readonly Found[] {
    return this.#found;
  }
}
