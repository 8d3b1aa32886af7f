/** What a record's layout decides beside its fields: how it is named, and the task that it is of. */
import type { Fields } from './fields.ts';

export interface Layout {
  /** The task where none is named; null: the layout says nothing about it. */
  readonly task: string | null;
  /** The id of a question by that of the file. */
  readonly named: (id: string) => string;
  /** The id of a question that has none. */
  readonly generated: (stem: string, number: number) => string;
  readonly source: (base: string, number: number) => string;
}

const plain: Layout = {
  task: null,
  named: (id) => id,
  generated: (stem, number) => `${stem}:${number}`,
  source: (base, number) => `${base}:${number}`,
};
const prefixed = (prefix: string): Pick<Layout, 'generated' | 'source'> => ({
  generated: (stem, number) => `${prefix}:${stem}:${number}`,
  source: (base, number) => `${prefix}:${base}:${number}`,
});
const gsm8k: Layout = { ...plain, ...prefixed('gsm8k'), task: 'math' };
/** As the reader `hotpotqa` names them, so that a question that is fed twice is known. */
const hotpotqa: Layout = {
  ...plain,
  task: 'search',
  named: (id) => `hotpotqa:${id}`,
  generated: (stem, number) => `hotpotqa:${stem}:${number}`,
  source: (base, number) => `hotpotqa:${base}[${number}]`,
};

/** Data sets by the names that verl's rows give them. */
const OF_MATH = /gsm8k|math|aime|amc|olympiad|numina/i;
const OF_SEARCH = /hotpot|nq|natural.?questions|trivia|musique|wiki|popqa|bamboogle|beerqa|search/i;

export function layoutOf(values: Readonly<Record<string, unknown>>, fields: Fields): Layout {
  const { answer, data_source: origin, ability } = values;
  if (typeof answer === 'string' && /(?:^|\n)\s*####\s*\S/.test(answer)) return gsm8k;
  const isHotpotqa = '_id' in values && 'level' in values && !('evidences' in values);
  if (isHotpotqa && fields.articles.length > 0) return hotpotqa;
  if (fields.articles.length > 0 || 'golden_answers' in values) return { ...plain, task: 'search' };
  if (ability === 'math' || (typeof origin === 'string' && OF_MATH.test(origin)))
    return { ...plain, task: 'math' };
  if (typeof origin === 'string' && OF_SEARCH.test(origin)) return { ...plain, task: 'search' };
  return plain;
}
