/**
 * What the keys of a record mean, in the layouts that data sets are published in: HotPotQA, MuSiQue,
 * 2WikiMultihopQA, BeerQA, CofCA, FlashRAG, GSM8K, TRL and verl, and tables of one's own. Every key that
 * means nothing here goes to the question's `meta`.
 */
import { messagesText } from './messages.ts';
import { type Article, articlesOf, isObject, supportingTitles } from './paragraphs.ts';

export interface Fields {
  readonly id: string | null;
  readonly text: string | null;
  /** Every gold answer. */
  readonly golds: readonly string[];
  readonly task: string | null;
  readonly source: string | null;
  readonly articles: readonly Article[];
  readonly meta: Readonly<Record<string, string>>;
  /** A key of a gold answer that is empty text. */
  readonly emptyGold: string | null;
  /** Whether there are two questions in it, under these keys. */
  readonly twice: readonly string[];
}

type Values = Readonly<Record<string, unknown>>;

const IDS = ['id', '_id', 'qid', 'question_id', 'uid'];
const TEXTS = ['text', 'question', 'query', 'problem', 'prompt', 'input', 'instruction'];
/** Answers that count beside one another, in this order. */
const GOLDS = [
  ['answer', 'answers', 'golden_answers', 'gold_answers', 'answer_aliases', 'aliases'],
  ['ground_truth', 'solution', 'target', 'targets', 'label', 'output', 'final_answer'],
];
const PARAGRAPHS = ['context', 'paragraphs', 'passages', 'contexts', 'ctxs', 'documents', 'passage'];

/** The names are taken in any letter case: tables have `Question` and `Answer`. */
export function fieldsOf(given: Values): Fields {
  const values = Object.fromEntries(Object.entries(given).map(([name, value]) => [usual(name), value]));
  const used = new Set<string>();
  const take = <T>(names: readonly string[], read: (value: unknown) => T | null): T | null => {
    for (const name of names) {
      const found = Object.hasOwn(values, name) ? read(values[name]) : null;
      if (found === null) continue;
      used.add(name);
      return found;
    }
    return null;
  };
  const id = take(IDS, idOf);
  const twice = ['text', 'question'].filter((name) => textOf(values[name]) !== null);
  const text = take(TEXTS, textOf);
  const golds = goldsOf(values, used);
  const emptyGold =
    GOLDS.flat().find((name) => typeof values[name] === 'string' && values[name].trim() === '') ?? null;
  const task = take(['task'], plainText);
  const source = take(['source'], plainText);
  const paragraphs = PARAGRAPHS.filter((name) => Object.hasOwn(values, name) && !used.has(name));
  const articles = paragraphs.flatMap((name) => {
    const found = articlesOf(values[name]);
    if (found !== null) used.add(name);
    return found ?? [];
  });
  const meta = metaOf(values, used);
  const supporting = paragraphs.flatMap((name) => supportingTitles(values[name]));
  if (supporting.length > 0) meta.supporting ??= JSON.stringify(supporting);
  return { id, text, golds, task, source, articles, meta, emptyGold, twice: twice.length > 1 ? twice : [] };
}

const USUAL = new Set([IDS, TEXTS, GOLDS.flat(), PARAGRAPHS, ['task', 'source', 'meta']].flat());

function usual(name: string): string {
  const plain = name.trim().toLowerCase();
  return USUAL.has(plain) ? plain : name;
}

function plainText(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

function idOf(value: unknown): string | null {
  if (typeof value === 'string' && value.trim() !== '') return value;
  return typeof value === 'number' && Number.isInteger(value) ? String(value) : null;
}

/** A text, or a conversation: TRL and verl have prompts as messages. */
function textOf(value: unknown): string | null {
  return plainText(value)?.trim() ?? messagesText(value);
}

function goldsOf(values: Values, used: Set<string>): string[] {
  const reward = values.reward_model;
  const nested = isObject(reward) ? reward.ground_truth : undefined;
  const ofVerl = goldTexts(nested) ?? [];
  for (const names of GOLDS) {
    const found = names.flatMap((name) => {
      const texts = Object.hasOwn(values, name) && !used.has(name) ? goldTexts(values[name]) : null;
      if (texts !== null) used.add(name);
      return texts ?? [];
    });
    if (found.length > 0) return found;
  }
  return ofVerl;
}

/** Gold answers: a text, a number, a truth value, a list of them, or an object with one under a usual name. */
function goldTexts(value: unknown): string[] | null {
  if (value === null) return [];
  if (typeof value === 'string') return value.trim() === '' ? [] : [workedOut(value.trim())];
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (isObject(value)) {
    const found = ['target', 'value', 'text', 'aliases', 'normalized_aliases'].flatMap(
      (name) => goldTexts(value[name]) ?? [],
    );
    return found.length > 0 ? found : null;
  }
  if (!Array.isArray(value)) return null;
  const texts = value.map(goldTexts);
  return texts.every((text) => text !== null) ? texts.flat() : null;
}

/** The number after `####` of a worked solution, as GSM8K has them; every other answer is itself. */
function workedOut(answer: string): string {
  const marked = /(?:^|\n)\s*####\s*(\S.*?)\s*$/.exec(answer);
  return marked?.[1] ?? answer;
}

/** What else there is: texts as they are, other values as JSON. */
function metaOf(values: Values, used: ReadonlySet<string>): Record<string, string> {
  const rest = Object.entries(values).filter(([name, value]) => !used.has(name) && value !== null);
  return Object.fromEntries(
    rest.flatMap(([name, value]): [string, string][] => {
      const inner = name === 'meta' && isObject(value) ? Object.entries(value) : [[name, value] as const];
      return inner.map(([key, item]) => [key, typeof item === 'string' ? item : JSON.stringify(item)]);
    }),
  );
}
