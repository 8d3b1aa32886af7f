/** Part of a data set's questions: those of a level, a type or a split, and a sample of them. */
import { createHash } from 'node:crypto';
import type { Question } from '../topics/records.generated.ts';

export interface Choice {
  /** By key of `meta`: one of these values. */
  readonly only?: ReadonlyMap<string, readonly string[]>;
  /** How many are drawn; all where there is none. */
  readonly sample?: number;
  readonly seed: number;
  /** Hears, where `only` let nothing pass, why: as a sentence. */
  readonly onNone?: (why: string) => void;
}

/** The questions that are chosen. */
export function chosen(
  questions: AsyncIterable<Question>,
  { only = new Map(), sample, seed, onNone }: Choice,
): AsyncIterable<Question> {
  const fitting = only.size === 0 ? questions : onlyWith(questions, { wanted: only, onNone });
  return sample === undefined ? fitting : sampled(fitting, { size: sample, seed });
}

/** Those whose `meta` says one of the values, for each of the keys. */
async function* onlyWith(
  questions: AsyncIterable<Question>,
  {
    wanted,
    onNone,
  }: { readonly wanted: ReadonlyMap<string, readonly string[]>; readonly onNone: Choice['onNone'] },
): AsyncGenerator<Question, void, void> {
  const met = new Met([...wanted.keys()]);
  let passed = 0;
  for await (const question of questions) {
    const fits = [...wanted].every(([key, values]) => values.includes(saidBy(question, key) ?? ''));
    if (fits) {
      passed++;
      yield question;
    } else if (passed === 0) met.add(question);
  }
  if (passed === 0) met.why(wanted).forEach((why) => void onNone?.(why));
}

/** What `meta` says under a key, or under a path such as `extra_info.split` in the JSON of one. */
function saidBy({ meta }: Question, key: string): string | undefined {
  if (Object.hasOwn(meta, key)) return meta[key];
  const dot = key.indexOf('.');
  const [first, rest] = [key.slice(0, dot), key.slice(dot + 1)];
  if (dot < 1 || !Object.hasOwn(meta, first)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(meta[first] as string);
  } catch {
    return undefined;
  }
  for (const part of rest.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** How many keys and values are remembered for a message. */
const MOST_MET = 12;

/** What was met where nothing fitted: the keys there are, and the values under those that were asked for. */
class Met {
  readonly #keys = new Set<string>();
  readonly #values: ReadonlyMap<string, Set<string>>;

  constructor(keys: readonly string[]) {
    this.#values = new Map(keys.map((key) => [key, new Set()]));
  }

  add(question: Question): void {
    for (const key of Object.keys(question.meta)) if (this.#keys.size < MOST_MET) this.#keys.add(key);
    for (const [key, values] of this.#values) {
      const said = saidBy(question, key);
      if (said !== undefined && values.size < MOST_MET) values.add(said);
    }
  }

  /** A sentence at most. */
  why(wanted: ReadonlyMap<string, readonly string[]>): readonly string[] {
    for (const [key, asked] of wanted) {
      const values = [...(this.#values.get(key) ?? [])];
      if (values.length === 0 && this.#keys.size === 0)
        return [`no question has \`${key}\`: \`meta\` is empty`];
      if (values.length === 0) return [`no question has \`${key}\`: \`meta\` has ${listed([...this.#keys])}`];
      if (!asked.some((value) => values.includes(value)))
        return [`no question's \`${key}\` is ${asked.join(' or ')}: it is ${listed(values)}`];
    }
    return this.#keys.size === 0 ? [] : ['no question has all that --only asks for'];
  }
}

function listed(texts: readonly string[]): string {
  const shown = texts.map((text) => (text.length > 40 ? `${text.slice(0, 40)}...` : text));
  return texts.length < MOST_MET ? shown.join(', ') : `${shown.join(', ')} and so on`;
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
