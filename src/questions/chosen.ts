/** Part of a data set's questions: those of a level, a type or a split, and a sample of them. */
import { createHash } from 'node:crypto';
import type { Question } from '../topics/records.generated.ts';

export interface Choice {
  /** By key of `meta`: one of these values. */
  readonly only?: ReadonlyMap<string, readonly string[]>;
  /** How many are drawn; all where there is none. */
  readonly sample?: number;
  readonly seed: number;
}

/** The questions that are chosen. */
export function chosen(
  questions: AsyncIterable<Question>,
  { only = new Map(), sample, seed }: Choice,
): AsyncIterable<Question> {
  const fitting = only.size === 0 ? questions : onlyWith(questions, only);
  return sample === undefined ? fitting : sampled(fitting, { size: sample, seed });
}

/** Those whose `meta` says one of the values, for each of the keys. */
async function* onlyWith(
  questions: AsyncIterable<Question>,
  wanted: ReadonlyMap<string, readonly string[]>,
): AsyncGenerator<Question, void, void> {
  for await (const question of questions) {
    const fits = [...wanted].every(([key, values]) => values.some((value) => question.meta[key] === value));
    if (fits) yield question;
  }
}

/**
 * So many of the questions, by a hash of the seed and their ids: the same whatever the order of the file, and
 * of two sizes the smaller is a part of the larger. In the file's order; so many are held in memory.
 */
async function* sampled(
  questions: AsyncIterable<Question>,
  { size, seed }: { readonly size: number; readonly seed: number },
): AsyncGenerator<Question, void, void> {
  let kept: { readonly rank: string; readonly at: number; readonly question: Question }[] = [];
  let at = 0;
  const cut = () => {
    kept.sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.at - b.at));
    kept = kept.slice(0, size);
  };
  for await (const question of questions) {
    const rank = createHash('sha256').update(`${seed}\u0000${question.id}`).digest('hex');
    kept.push({ rank, at: at++, question });
    if (kept.length >= 2 * size + 64) cut();
  }
  cut();
  for (const { question } of kept.sort((a, b) => a.at - b.at)) yield question;
}
