/** Numbers in digits, with all that people write in and around them. */
import { multiplier } from '../../agent/numbers/multipliers.ts';
import { decimal, isWhole, over, plus, type Rational, times } from '../../agent/numbers/rational.ts';
import { readCurrency } from '../../agent/numbers/units.ts';
import { readAndPart } from '../../agent/numbers/words.ts';
import type { Lexer } from './lexer.ts';
import { ambiguous, Refusal, unreadable } from './refusal.ts';

/** Powers of ten that a number may be written with; float64 ends at 308. */
const MAX_EXPONENT = 400;

const PROGRAM = /0(?:[xX][\da-fA-F]+|[bB][01]+|[oO][0-7]+)(?![\d.])/y;
const GROUPED =
  /(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}|[1-9]\d{0,2}(?:'\d{3})+|\d{1,3}(?:_\d{3})+)(?:\.\d*)?(?![\d]|[,_]\d)/y;
const PLAIN = /\d+\.?\d*|\.\d+/y;
const EXPONENT = /[eE]([-+]?\d+)(?![\d.])/y;
const FRACTION = /⟦(\d{1,400})\/(\d{1,400})⟧/y;
/** `1/2` after `3 ` or `3 and `, with nothing after it that would make it another thing. */
const MIXED = /(?:\s+and)?[^\S\n]+(\d{1,20})[^\S\n]?\/[^\S\n]?(\d{1,20})(?![\d.]|,\d|\/|\s*[\^!(])/y;
/** `1/2` of `1/2 dozen`. */
const PROPER = /(\d{1,4})\/(\d{1,4})(?![\d.,/])/y;
const MIXED_SIGN = /[^\S\n]*⟦(\d{1,20})\/(\d{1,20})⟧(?!\s*[\^!(])/y;

/** Adds the number at the lexer's place; false where there is none. */
export function readNumberAt(lexer: Lexer): boolean {
  const { text, at } = lexer;
  const money = lexer.afterOperand ? null : readCurrency(text.slice(at, at + 40));
  if (money !== null) {
    lexer.currency(money.currency === 'usd' ? '$' : money.currency);
    lexer.isMoney = true;
    if (/\p{L}/u.test(text[at] as string)) lexer.assumed = true;
    lexer.at += text.slice(at, at + 40).length - money.rest.length;
    return true;
  }
  const fraction = exec(FRACTION, text, at);
  if (fraction !== null) {
    // `½ million`
    addMultiplied(lexer, {
      value: fractionOf(fraction),
      end: at + fraction[0].length,
      said: `${fraction[1]}/${fraction[2]}`,
    });
    return true;
  }
  if (!/[\d.]/.test(text[at] as string)) return false;
  if (readPartOfMany(lexer)) return true;
  const program = exec(PROGRAM, text, at);
  if (program !== null) {
    throw ambiguous(program[0], `the number ${Number(program[0])} as programs write it`, 'a product with 0');
  }
  const grouped = lexer.inCall && text[at] !== '_' ? null : exec(GROUPED, text, at);
  const found = grouped ?? exec(PLAIN, text, at);
  if (found === null) return false;
  readDigits(lexer, found[0], grouped !== null);
  return true;
}

/** Digits, their exponent, and the words that multiply them. */
function readDigits(lexer: Lexer, digits: string, grouped: boolean): void {
  const { text, at } = lexer;
  const [whole = '', decimals = ''] = digits.replace(/[,_']/g, '').split('.');
  let end = at + digits.length;
  const exponent = exec(EXPONENT, text, end);
  if (exponent === null && /^[eE](?!\p{L})/u.test(text.slice(end))) {
    throw ambiguous(
      text.slice(at, end + 4),
      `${digits} times a power of ten`,
      `${digits} times the constant e`,
    );
  }
  const power = Number(exponent?.[1] ?? 0);
  if (power > MAX_EXPONENT) throw new Refusal('the result is too large.');
  if (power < -MAX_EXPONENT) throw new Refusal('the number is too small.');
  end += exponent?.[0].length ?? 0;
  refuseAfter(lexer, end);
  const value = decimal(whole, decimals, power);
  const said = `${whole === '' ? '0' : whole}${decimals === '' ? '' : `.${decimals}`}${exponent?.[0] ?? ''}`;
  if (exponent === null && decimals === '' && !grouped && !digits.includes('.')) {
    const mixed = readMixed(lexer, { value, end, whole });
    if (mixed) return;
  }
  addMultiplied(lexer, { value, end, said, plain: /^\d+$/.test(digits) });
}

/** What cannot follow a number directly. */
function refuseAfter({ text, at, inCall }: Lexer, end: number): void {
  const after = text.slice(end);
  const shown = text.slice(at, end + (/^\S{0,12}/.exec(after)?.[0].length ?? 0));
  if (/^\.\d/.test(after)) throw unreadable();
  if (/^_\{?\d/.test(after)) {
    throw ambiguous(shown, 'a number with separators', 'a number in another base than ten');
  }
  if (text[end - 1] === '.' && after.startsWith('(')) {
    throw ambiguous(shown, 'a decimal that repeats', 'a product');
  }
  if (!inCall && /^,\d/.test(after)) {
    throw ambiguous(shown, 'a number with a decimal comma', 'numbers with a comma between');
  }
  if (/^[^\S\n]\d{3}(?!\d)/.test(after) && /^\d{1,3}$/.test(text.slice(at, end))) {
    throw ambiguous(`${shown}${after.slice(0, 4)}`, 'one number with blanks in it', 'two numbers');
  }
}

interface Begun {
  readonly value: Rational;
  /** Where the text after it begins. */
  readonly end: number;
}

/** `3 1/2` and `3½`; true where it was one. Something improper after a whole number is neither. */
function readMixed(lexer: Lexer, { value, end, whole }: Begun & { readonly whole: string }): boolean {
  const { text, at, last } = lexer;
  const sign = exec(MIXED_SIGN, text, end);
  const match = sign ?? exec(MIXED, text, end);
  if (match === null) return false;
  const part = fractionOf(match);
  const written = text.slice(at, end + match[0].length);
  if (part.n >= part.d) throw ambiguous(written, 'a mixed number', 'a product');
  if (last?.kind === 'operator' && last.name === '^')
    throw ambiguous(written, 'an exponent', 'an exponent and a factor');
  lexer.assumed = true;
  addMultiplied(lexer, {
    value: plus(value, part),
    end: at + written.length,
    said: `${whole} + ${match[1]}/${match[2]}`,
  });
  return true;
}

/** `1/2 dozen`, `3/4 million`: a fraction of many, where a blank says that the word belongs to both. */
function readPartOfMany(lexer: Lexer): boolean {
  const { text, at, last } = lexer;
  const match = exec(PROPER, text, at);
  if (match === null || Number(match[1]) >= Number(match[2])) return false;
  if (last?.kind === 'operator' && /[/^]/.test(last.name)) return false;
  const end = at + match[0].length;
  const multiplied = multipliers(lexer, { value: fractionOf(match), end });
  if (multiplied.end === end) return false;
  if (!/^[ -]/.test(text.slice(end))) {
    const [many, over, under] = [text.slice(end, multiplied.end), match[1] as string, match[2] as string];
    throw ambiguous(`${match[0]}${many}`, `(${over}/${under})${many}`, `${over}/(${under}${many})`);
  }
  lexer.assumed = true;
  add(lexer, { value: multiplied.value, length: multiplied.end - at, said: saidOf(multiplied.value) });
  return true;
}

/** `2.5 million`, `1k`, `2 dozen`, `2 and a half`. */
function multipliers(lexer: Lexer, { value, end }: Begun): Begun {
  const { text, letters } = lexer;
  const rest = text.slice(end, end + 120);
  const half = readAndPart({ numeral: { value, digits: 0, decimals: 0 }, rest });
  let read = { value: half.numeral.value, rest: half.rest };
  for (let count = 0; count < 3; count++) {
    if (letters === 'unknowns' && /^[A-Za-z](?!\p{L})/u.test(read.rest)) break;
    // `$10 M`
    const isApart = lexer.isMoney && /^ [kKmMbB](?![\p{L}\p{N}])/u.test(read.rest);
    const found = multiplier(isApart ? read.rest.slice(1) : read.rest, lexer.isMoney);
    if (found === null) break;
    read = { value: times(read.value, found.value), rest: found.rest };
  }
  return { value: read.value, end: end + rest.length - read.rest.length };
}

/** A number that ends there, with the words after it that multiply it; `said` and `plain` are of it alone. */
function addMultiplied(
  lexer: Lexer,
  { value, end, said, plain = false }: Begun & Pick<Added, 'said' | 'plain'>,
): void {
  const multiplied = multipliers(lexer, { value, end });
  const length = multiplied.end - lexer.at;
  if (multiplied.end === end) {
    add(lexer, { value, length, said, plain });
  } else {
    lexer.assumed = true;
    add(lexer, { value: multiplied.value, length, said: saidOf(multiplied.value) });
  }
}

interface Added {
  readonly value: Rational;
  readonly length: number;
  readonly said: string;
  /** Whether it is written in digits alone. */
  readonly plain?: boolean;
}

function add(lexer: Lexer, { value, length, said, plain = false }: Added): void {
  const money = lexer.isDollars;
  lexer.add({ kind: 'number', value, said, plain, ...(money && { money }) }, length);
}

/** A number in the calculator's spelling. */
export function saidOf({ n, d }: Rational): string {
  return isWhole({ n, d }) ? String(n / d) : `${n}/${d}`;
}

function fractionOf(match: RegExpExecArray): Rational {
  const value = over(decimal(match[1] as string), decimal(match[2] as string));
  if (value === null) throw new Refusal('division by zero.');
  return value;
}

function exec(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
