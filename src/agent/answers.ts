/**
 * Whether an answer is a gold answer, without a model: for the outcome filter, the rules and evaluation.
 * Numbers are compared by value and nothing else (10, 10.00, $10 and $10.00 are equal, arXiv 2504.04736),
 * choices by their letter, all other texts in a form that keeps what makes them different. The metrics of
 * SQuAD and HotPotQA are apart, in squad.ts.
 */
import { readChoice } from './choice.ts';
import { withoutConclusion } from './numbers/conclusion.ts';
import { withoutLatex } from './numbers/latex.ts';
import { withoutMarks } from './numbers/marks.ts';
import { toNumber } from './numbers/rational.ts';
import { readNumber, sameQuantity } from './numbers/read-number.ts';
import type { Golds } from './squad.ts';
import { MAX_TEXT_CHARS, textForm } from './text-form.ts';

export { exactMatch, f1, type Golds, normalizeAnswer } from './squad.ts';

/** In a longer text no answer is looked for. */
const MAX_SAID_CHARS = 4000;

/** Whether an answer says what one of the gold answers says. A blank gold answer is none. */
export function answersMatch(answer: string, golds: Golds): boolean {
  return [golds]
    .flat()
    .some((gold) => matchesOne(answer.slice(0, MAX_TEXT_CHARS), gold.slice(0, MAX_TEXT_CHARS)));
}

function matchesOne(answer: string, gold: string): boolean {
  if (answer.trim() === '' || gold.trim() === '') return false;
  const [found, wanted] = [readNumber(answer), readNumber(gold)];
  if (found !== null && wanted !== null) return sameQuantity(found, wanted);
  // What is only like a number is another text than any number.
  if (found !== null || wanted !== null) {
    if (/\p{N}/u.test(found === null ? answer : gold)) return false;
  }
  return (
    sameChoice(answer, gold) ||
    sameText(answer, gold) ||
    (sameBrackets(answer, gold) && sameText(said(answer), said(gold)))
  );
}

function sameText(answer: string, gold: string): boolean {
  const [a, b] = [textForm(answer), textForm(gold)];
  if (!sameBrackets(answer, gold)) return false;
  return a === '' || b === '' ? answer.trim() === gold.trim() : a === b;
}

/** Whether two intervals have the same ends; anything else has. */
function sameBrackets(answer: string, gold: string): boolean {
  const [a, b] = [interval(answer), interval(gold)];
  return a === b || a === '' || b === '';
}

/** The brackets of two numbers: `[2, 5)` has other ends than `(2, 5]`. Empty where there are none. */
function interval(text: string): string {
  const match = /^\s*([([{])[-\d.\s∞\\a-z]+,[-\d.\s∞\\a-z]+([)\]}])\s*$/.exec(
    text.replaceAll(/\\(?:left|right)\b/g, ''),
  );
  return match === null ? '' : `${match[1]}${match[2]}`;
}

/** The same letter, where one of the two is nothing but a letter. */
function sameChoice(answer: string, gold: string): boolean {
  const [found, wanted] = [readChoice(said(answer)), readChoice(said(gold))];
  return (
    found !== null &&
    wanted !== null &&
    found.letter === wanted.letter &&
    (found.text === '' || wanted.text === '')
  );
}

/** What an answer says without LaTeX, marks around it, and `The answer is`. */
function said(text: string): string {
  if (text.length > MAX_SAID_CHARS) return text;
  const plain = withoutMarks(withoutConclusion(withoutMarks(withoutLatex(text))));
  return plain === '' ? text : plain;
}

/**
 * The number that a text says, and nothing but it, as float64: `-1,234.50`, `$10`, `30%` (30), `12 apples`;
 * null: none.
 */
export function parseNumber(text: string): number | null {
  const found = readNumber(text);
  return found && toNumber(found.value);
}

/** Whether two numbers are the same but for rounding in float64; whole numbers have none. */
export function sameNumber(a: number, b: number): boolean {
  if (Number.isInteger(a) && Number.isInteger(b)) return a === b;
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}
