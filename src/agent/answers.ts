/**
 * Whether an answer is the gold answer, without a model: for the outcome filter, the rules and evaluation. Text is
 * compared as SQuAD and HotPotQA do (arXiv 1606.05250, 1809.09600); numbers by their value, so that 10, 10.00, $10 and
 * $10.00 are equal (arXiv 2504.04736).
 */

/** Longer texts are cut before they are compared: no gold answer is as long. */
const MAX_CHARS = 100_000;

/** An optional currency and sign, a number with or without thousands separators, and an optional unit of a few words. */
const NUMBER =
  /^([-+]?)\s?(?:usd|us\$|[$€£¥])?\s?([-+]?)(\d{1,3}(?:,\d{3})+|\d+)?(\.\d*)?(e[-+]?\d{1,3})?\s?(?:%|[$€£¥])?(?:\s?[a-z]+(?:\s[a-z]+){0,3})?$/;

/** Lower case, without punctuation and articles, with single spaces: the official evaluation scripts' normal form. */
export function normalizeAnswer(text: string): string {
  return text
    .slice(0, MAX_CHARS)
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\p{P}\p{S}]/gu, '')
    .replace(/\b(?:a|an|the)\b/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .join(' ');
}

/**
 * The number that a text says, and nothing but it: `-1,234.50`, `$10`, `30%` (30), `12 apples`; null for anything else.
 */
export function parseNumber(text: string): number | null {
  const plain = text.slice(0, MAX_CHARS).normalize('NFKC').trim().replaceAll('−', '-').toLowerCase();
  const match = NUMBER.exec(plain.replace(/\s+/g, ' ').replace(/\.$/, ''));
  if (match === null) return null;
  const [, before = '', after = '', whole = '', fraction = '', exponent = ''] = match;
  if ((whole === '' && fraction.length < 2) || (before !== '' && after !== '')) return null;
  const value = Number(`${before}${after}${whole.replaceAll(',', '') || '0'}${fraction}${exponent}`);
  return Number.isFinite(value) ? value : null;
}

/** Whether two numbers are the same but for rounding in float64; whole numbers have none. */
export function sameNumber(a: number, b: number): boolean {
  if (Number.isInteger(a) && Number.isInteger(b)) return a === b;
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}

/** One gold answer, or several: any of them counts. */
export type Golds = string | readonly string[];

/**
 * Whether an answer says what a gold answer says: the same number, or the same words in normal form. A number with a
 * unit equals one without, not one with another unit.
 */
export function answersMatch(answer: string, golds: Golds): boolean {
  return [golds].flat().some((gold) => matchesOne(answer, gold));
}

function matchesOne(answer: string, gold: string): boolean {
  const [found, wanted] = [parseNumber(answer), parseNumber(gold)];
  const bare = [answer, gold].some((text) => !/\p{L}/u.test(text));
  return (found !== null && wanted !== null && bare && sameNumber(found, wanted)) || exactMatch(answer, gold);
}

/** Equality in normal form with a gold answer. Nothing but punctuation matches only itself. */
export function exactMatch(answer: string, golds: Golds): boolean {
  return [golds].flat().some((gold) => {
    const [a, b] = [normalizeAnswer(answer), normalizeAnswer(gold)];
    return a === '' || b === '' ? answer.trim() === gold.trim() : a === b;
  });
}

/**
 * F1 of the words of an answer against those of the gold answer that it is nearest to, 0 to 1. Where either is yes, no
 * or noanswer it is 1 for equality and 0 otherwise, as in HotPotQA's evaluation.
 */
export function f1(answer: string, golds: Golds): number {
  return Math.max(0, ...[golds].flat().map((gold) => f1WithOne(answer, gold)));
}

function f1WithOne(answer: string, gold: string): number {
  const [a, b] = [normalizeAnswer(answer), normalizeAnswer(gold)];
  if (a === b) return exactMatch(answer, gold) ? 1 : 0;
  if ([a, b].some((text) => ['yes', 'no', 'noanswer'].includes(text))) return 0;
  const [found, wanted] = [a.split(' '), b.split(' ')];
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of found) {
    const count = left.get(word) ?? 0;
    if (count === 0 || word === '') continue;
    left.set(word, count - 1);
    shared += 1;
  }
  if (shared === 0) return 0;
  const [precision, recall] = [shared / found.length, shared / wanted.length];
  return (2 * precision * recall) / (precision + recall);
}
