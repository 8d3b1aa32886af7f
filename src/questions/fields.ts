/**
 * What the keys of a record mean, in the layouts that data sets are published in: HotPotQA, MuSiQue,
 * 2WikiMultihopQA, BeerQA, CofCA, FlashRAG, GSM8K, TRL and verl, and tables of one's own. Every key that
 * means nothing here goes to the question's `meta`.
 */
import type { Article } from '../input/article.ts';
import { isObject } from '../input/value-at.ts';
import { messagesText } from './messages.ts';
import { articlesOf, supportingTitles } from './paragraphs.ts';

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
  /** A gold answer that is in no form that is known. */
  readonly oddGold: KeyValue | null;
  /** What stands where the question should, where it is none. */
  readonly oddText: KeyValue | null;
  /** Whether there are two questions in it, under these keys. */
  readonly twice: readonly string[];
}

interface KeyValue {
  readonly key: string;
  readonly value: unknown;
}

type Values = Readonly<Record<string, unknown>>;

const IDS = ['id', '_id', 'qid', 'question_id', 'uid'];
const TEXTS = ['text', 'question', 'query', 'problem', 'prompt', 'input', 'instruction'];
/** Answers that count beside one another, in this order. */
const GOLDS = [
  ['answer', 'answers', 'golden_answers', 'gold_answers', 'answer_aliases', 'aliases', 'possible_answers'],
  ['ground_truth', 'solution', 'target', 'targets', 'label', 'output', 'final_answer'],
];
const PARAGRAPHS = ['context', 'paragraphs', 'passages', 'contexts', 'ctxs', 'documents', 'passage'];

/** The names are taken in any letter case: tables have `Question` and `Answer`. */
export function fieldsOf(given: Values): Fields {
  const values = usuallyNamed(given);
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
  const odd = TEXTS.find((name) => Object.hasOwn(values, name));
  const oddText = text !== null || odd === undefined ? null : { key: odd, value: values[odd] };
  const { golds, oddGold } = goldsOf(values, used);
  const emptyGold =
    GOLDS.flat().find((name) => typeof values[name] === 'string' && values[name].trim() === '') ?? null;
  const task = take(['task'], plainText);
  const source = take(['source'], plainText);
  const paragraphs = PARAGRAPHS.filter((name) => Object.hasOwn(values, name) && !used.has(name));
  const articles = paragraphs.flatMap((name) => {
    const found = articlesOf(values[name], typeof values.title === 'string' ? values.title : '');
    if (found !== null) used.add(name);
    return found ?? [];
  });
  const meta = metaOf(values, used);
  const supporting = paragraphs.flatMap((name) => supportingTitles(values[name]));
  if (supporting.length > 0) meta.supporting ??= JSON.stringify(supporting);
  const both = twice.length > 1 ? twice : [];
  return { id, text, golds, task, source, articles, meta, emptyGold, oddGold, oddText, twice: both };
}

const USUAL = new Set([IDS, TEXTS, GOLDS.flat(), PARAGRAPHS, ['task', 'source', 'meta']].flat());

/** Where one name is there in two letter cases, the second keeps its own, and goes to `meta`. */
function usuallyNamed(given: Values): Record<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(given)) {
    const plain = name.trim().toLowerCase();
    const isUsual =
      USUAL.has(plain) && (plain === name || !(Object.hasOwn(given, plain) || values.has(plain)));
    values.set(isUsual ? plain : name, value);
  }
  return Object.fromEntries(values);
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

function goldsOf(
  values: Values,
  used: Set<string>,
): { readonly golds: readonly string[]; readonly oddGold: KeyValue | null } {
  let oddGold: KeyValue | null = null;
  const textsUnder = (key: string, value: unknown): string[] | null => {
    const texts = goldTexts(value);
    if (texts === null && value !== undefined) oddGold ??= { key, value };
    return texts;
  };
  const reward = values.reward_model;
  const nested = isObject(reward) ? reward.ground_truth : undefined;
  const ofVerl = textsUnder('reward_model.ground_truth', nested) ?? [];
  for (const names of GOLDS) {
    const found = names.flatMap((name) => {
      const texts = Object.hasOwn(values, name) && !used.has(name) ? textsUnder(name, values[name]) : null;
      if (texts !== null) used.add(name);
      return texts ?? [];
    });
    if (found.length > 0) return { golds: found, oddGold: null };
  }
  return { golds: ofVerl, oddGold };
}

/** Gold answers: a text, a number, a truth value, a list of them, or an object with one under a usual name. */
function goldTexts(value: unknown): string[] | null {
  if (value === null) return [];
  if (typeof value === 'string') return value.trim() === '' ? [] : writtenGolds(value.trim());
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (isObject(value)) {
    const found = ['target', 'value', 'text', 'aliases', 'normalized_aliases'].flatMap(
      (name) => goldTexts(value[name]) ?? [],
    );
    return found.length > 0 || isEmptyTarget(value) ? found : null;
  }
  if (!Array.isArray(value)) return null;
  const texts = value.map(goldTexts);
  return texts.every((text) => text !== null) ? texts.flat() : null;
}

/** As the hub has questions of SQuAD 2 that have no answer: `{text: [], answer_start: []}`. */
function isEmptyTarget(value: Values): boolean {
  return ['target', 'text'].some((name) => Array.isArray(value[name]) && value[name].length === 0);
}

/**
 * The answers of one text: those of a list in a table's cell; the number after `####` of a worked solution, as GSM8K
 * has them, or what its last `\boxed{}` holds, as MATH; every other text is itself.
 */
function writtenGolds(answer: string): string[] {
  const listed = listedTexts(answer);
  if (listed !== null) return listed;
  const marked = /(?:^|\n)\s*####\s*(\S.*?)\s*$/.exec(answer);
  return [marked?.[1] ?? boxed(answer) ?? answer];
}

/** Quoted texts in brackets: JSON, or how Python and NumPy print lists, which is what pandas writes into CSV. */
function listedTexts(text: string): string[] | null {
  if (!/^\[\s*['"]/.test(text) || !/['"]\s*\]$/.test(text)) return null;
  const found: string[] = [];
  const item = /\s*,?\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')/sy;
  item.lastIndex = 1;
  for (let at = 1; ; at = item.lastIndex) {
    const match = item.exec(text);
    if (match === null) return /^\s*\]$/.test(text.slice(at)) ? found : null;
    const written = match[1] ?? match[2] ?? '';
    found.push(
      written
        .replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
        .replaceAll(/\\(['"\\/])/g, '$1'),
    );
  }
}

/** What stands in the last `\boxed{}` of a text that says more than that. */
function boxed(text: string): string | null {
  const begin = text.lastIndexOf('\\boxed{') + '\\boxed{'.length;
  if (begin < '\\boxed{'.length) return null;
  let depth = 1;
  let end = begin;
  for (; end < text.length && depth > 0; end++) {
    if (text[end] === '\\') end++;
    else if (text[end] === '{') depth++;
    else if (text[end] === '}') depth--;
  }
  const inner = text.slice(begin, end - 1).trim();
  return depth > 0 || inner === '' ? null : inner;
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
