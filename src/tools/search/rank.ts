/**
 * The best articles of a query, exactly, without scoring most of them: MaxScore (Turtle and Flood 1995) with the
 * highest scores of blocks (Ding and Suel 2011), window by window as Lucene does it.
 *
 * Words are sorted by the most that they can give. As soon as enough articles are found, the words whose most
 * together is no more than the worst of these need not be gone through: an article without any of the others is
 * no better, and comes later. They only count for articles that could still be among the best.
 */
import { Best } from './best.ts';
import { WINDOW, Window } from './window.ts';
import { END, type WordCursor } from './word-cursor.ts';

/** After how many windows others get a turn. */
const TURN = 64;

export interface RankOptions {
  /** How many articles there are. */
  readonly articles: number;
  /** How many of the best are wanted. */
  readonly count: number;
  readonly goOn: () => Promise<boolean>;
}

/** As `ArticleIndex.rank`, over cursors that are at their beginning. */
export async function rank(
  cursors: readonly WordCursor[],
  { articles, count, goOn }: RankOptions,
): Promise<number[] | null> {
  const words = [...cursors].sort((a, b) => a.best - b.best);
  /** The most that the words before one give together. */
  const before = [0];
  for (const [i, { best }] of words.entries()) before.push(before[i] + best);
  const best = new Best(count);
  /** The same within a window. */
  const within = new Float64Array(words.length + 1);
  const window = new Window(articles);
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
    if (needed < words.length) window.take([from, to], { words, needed, before: within, best });
    for (let i = first; i < needed; i++) words[i].seek(to);
  }
}
