/**
 * The number that a text says, and nothing but it: `-1,234.50`, `$1.5 million`, `\frac{3}{4}`, `12 apples`,
 * `So the answer is ten.` What is only like a number is text: an hour, a version, a range, a date, a title.
 */
import { plainCharacters } from './characters.ts';
import { withoutConclusion } from './conclusion.ts';
import { readDigits } from './digits.ts';
import { withoutLatex } from './latex.ts';
import { withoutMarks } from './marks.ts';
import type { Numeral, Read } from './numeral.ts';
import { absolute, decimal, isWhole, negative, over, type Rational, times, within } from './rational.ts';
import { endOfSentence } from './sentence.ts';
import { readCurrency, readUnit, sameUnit, type Unit } from './units.ts';
import { readAndPart, readWords } from './words.ts';

/** A number with what it counts. */
export interface Quantity extends Numeral {
  readonly unit: Unit;
}

/** Longer texts say more than a number. */
const MAX_CHARS = 4000;

/** Before a number, without meaning for its value. */
const APPROXIMATION = new RegExp(
  String.raw`^(?:(?:about|approximately|approx\.|around|roughly|exactly|only|just|` +
    String.raw`a total of|total of|the) |[≈~∼](?=\S))+(?=\S)`,
  'i',
);
const STATED = new RegExp(
  '^(?:(?:so|thus|therefore|hence|and|then|ok|okay|well),? )*(?:(?:the|my|our) )?' +
    String.raw`(?:(?:final|correct|right|numerical|numeric) )*(?:answer|result)\b`,
  'i',
);

/** `(1,2)` is a point; a comma for decimals is not put in brackets. */
const TUPLE = /^\s*[([{]\s*[-\d.]+,(?:\s+|(?!\d{3}(?!\d)))[-\d.]+\s*[)\]}]\s*$/;

/** The number that a text says; null where it says none, several, or more than a number. */
export function readNumber(text: string): Quantity | null {
  if (text.length > MAX_CHARS) return null;
  const plain = plainCharacters(withoutLatex(text));
  if (TUPLE.test(plain) || TUPLE.test(text)) return null;
  const whole = readTwice(withoutMarks(plain));
  if (whole !== null) return whole;
  const sentences = plain
    .split(/(?<=[.!;])\s+(?!\d{1,3}$)|\n+/)
    .map(withoutMarks)
    .filter((sentence) => sentence !== '');
  const stated = sentences.flatMap((sentence) => {
    const found =
      readTwice(sentence) ?? (STATED.test(sentence) ? endOfSentence(sentence, readQuantity) : null);
    return found === null ? [] : [found];
  });
  const [first] = stated;
  if (first !== undefined) return stated.every((other) => sameQuantity(first, other)) ? first : null;
  return endOfSentence(sentences.at(-1) ?? '', readQuantity);
}

/** A number with its unit, or the same twice: `10 (ten)`. */
function readTwice(said: string): Quantity | null {
  const text = withoutConclusion(said);
  const twice = /^(\S[^()]*?) ?\(([^()]+)\)$/.exec(text);
  if (twice === null) return readQuantity(text);
  const [first, second] = [readQuantity(twice[1] as string), readQuantity(twice[2] as string)];
  return first && second && sameQuantity(first, second) ? first : readQuantity(text);
}

/** A text that is a number with its unit. */
function readQuantity(text: string): Quantity | null {
  const unsigned = text.replace(APPROXIMATION, '');
  const sign = /^(?:([-+]) ?|(minus|negative) )/i.exec(unsigned) ?? { 0: '', 1: '', 2: undefined };
  const afterSign = unsigned.slice(sign[0].length);
  const money = readCurrency(afterSign);
  const inner = money === null ? null : /^([-+]) ?/.exec(money.rest);
  if (inner !== null && sign[0] !== '') return null;
  const at = (money?.rest ?? afterSign).slice(inner?.[0].length ?? 0);
  const digits = readDigits(at, money !== null);
  const read = digits === null ? (money === null ? readWords(at) : null) : readAndPart(digits);
  if (read === null) return null;
  if (isDecade(read)) return null;
  const unit = readUnit(read.rest, { words: digits === null });
  if (unit === null || (money !== null && unit.currency !== '' && unit.currency !== money.currency))
    return null;
  const isNegative = sign[2] !== undefined || sign[1] === '-' || inner?.[1] === '-';
  const { value, ...written } = read.numeral;
  return {
    ...written,
    value: isNegative ? negative(value) : value,
    unit: { ...unit, currency: money?.currency ?? unit.currency },
  };
}

/** `1990s`, which is no number of seconds. */
function isDecade({ numeral: { value }, rest }: Read): boolean {
  return /^'?s(?!\p{L})/u.test(rest) && isWhole(value) && value.n % (10n * value.d) === 0n;
}

/** Whether two numbers are the same: by value, with units that do not contradict each other. */
export function sameQuantity(a: Quantity, b: Quantity): boolean {
  if (!sameUnit(a.unit, b.unit)) return false;
  if (a.unit.percent === b.unit.percent) return sameValue(a, b);
  const [percent, plain] = a.unit.percent ? [a, b] : [b, a];
  if (plain.unit.words !== '' || plain.unit.currency !== '') return false;
  // As math-verify: 50% is 50 where the unit is left out, and 0.5 by its value.
  const share = { ...percent, value: over(percent.value, decimal('100')) as Rational, digits: 0 };
  return sameValue(percent, plain) || sameValue(share, plain);
}

/** Rounding in float64 and its operations stays far below this, relatively. */
const ROUNDING: Rational = decimal('1', '', -12);
/** With so many digits a decimal is the rounded result of a calculation; with fewer it is what it says. */
const ROUNDED_DIGITS = 10;

/** Equal, or equal but for rounding; whole numbers have none. */
function sameValue(a: Numeral, b: Numeral): boolean {
  if (a.value.n * b.value.d === b.value.n * a.value.d) return true;
  if (isWhole(a.value) && isWhole(b.value)) return false;
  if (within(a.value, b.value, times(ROUNDING, absolute(b.value)))) return true;
  return [a, b].some(
    ({ digits, decimals }) =>
      digits >= ROUNDED_DIGITS && decimals > 0 && within(a.value, b.value, decimal('5', '', -decimals - 1)),
  );
}
