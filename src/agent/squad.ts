/**
 * Exact match and F1 as the official evaluation scripts of SQuAD (arXiv 1606.05250, evaluate-v1.1.py) and
 * HotPotQA (arXiv 1809.09600, hotpot_evaluate_v1.py) compute them, to the letter, but for combining marks:
 * the scripts' `\b` takes the `a` of a decomposed `á` for an article.
 */

/** Longer texts are cut before they are compared: no gold answer is as long. */
const MAX_CHARS = 100_000;

/** `string.punctuation` of Python: ASCII alone. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
/** Python's `\b` looks at letters, digits and `_` of every script; JavaScript's at ASCII alone. */
const ARTICLES = /(?<![\p{L}\p{N}\p{M}_])(?:a|an|the)(?![\p{L}\p{N}\p{M}_])/gu;
/** What `str.split()` of Python splits at beside blanks: four separators and the next line. */
const SEPARATORS = String.fromCharCode(0x1c, 0x1d, 0x1e, 0x1f, 0x85);
/** JavaScript's blanks, but for U+FEFF, which is none to Python. */
const BLANKS = /(?:(?!\uFEFF)\s)+/;

/** One gold answer, or several: any of them counts. */
export type Golds = string | readonly string[];

/** `normalize_answer`: lower case, without punctuation and articles, with single blanks. */
export function normalizeAnswer(text: string): string {
  return text
    .slice(0, MAX_CHARS)
    .toLowerCase()
    .replace(PUNCTUATION, '')
    .replace(ARTICLES, ' ')
    .replace(/\p{Cc}/gu, (sign) => (SEPARATORS.includes(sign) ? ' ' : sign))
    .split(BLANKS)
    .filter((word) => word !== '')
    .join(' ');
}

/** `exact_match_score`: equality in normal form with a gold answer. */
export function exactMatch(answer: string, golds: Golds): boolean {
  const found = normalizeAnswer(answer);
  return [golds].flat().some((gold) => normalizeAnswer(gold) === found);
}

/**
 * `f1_score`: F1 of the words of an answer against those of the gold answer that it is nearest to, 0 to 1.
 * Where either is yes, no or noanswer, it is 0 for anything but equality, as in HotPotQA's script.
 */
export function f1(answer: string, golds: Golds): number {
  const found = normalizeAnswer(answer);
  return Math.max(0, ...[golds].flat().map((gold) => f1OfForms(found, normalizeAnswer(gold))));
}

function f1OfForms(found: string, gold: string): number {
  if (found !== gold && [found, gold].some((text) => ['yes', 'no', 'noanswer'].includes(text))) return 0;
  const [answerWords, goldWords] = [found, gold].map((text) => (text === '' ? [] : text.split(' '))) as [
    string[],
    string[],
  ];
  const left = new Map<string, number>();
  for (const word of goldWords) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of answerWords) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared += 1;
  }
  if (shared === 0) return 0;
  const [precision, recall] = [shared / answerWords.length, shared / goldWords.length];
  return (2 * precision * recall) / (precision + recall);
}
