/** Words and letters: functions, constants, operators and numbers in words, units, unknowns. */
import { decimal, isWhole, plus, type Rational, times } from '../../agent/numbers/rational.ts';
import { isNumberWord, readWords } from '../../agent/numbers/words.ts';
import { CONSTANTS, functionNamed } from './functions.ts';
import type { Lexer } from './lexer.ts';
import { saidOf } from './number-pieces.ts';
import { infixAt, prefixAt } from './phrases.ts';
import { ambiguous, unknownName, unreadable } from './refusal.ts';
import { isJoining } from './tokens.ts';
import { unitNamed } from './units.ts';
import {
  matchAt,
  readFactorialWord,
  readOfLibrary,
  readOrdinal,
  readPowerWords,
  readRaised,
} from './worded-functions.ts';

const LETTER = /[\p{L}_µ]/u;
const NAME = /[\p{L}_][\p{L}\d_]*/uy;
/** Libraries that functions are called by. */
const LIBRARY = /(?:math|np|numpy|sympy|sp|cmath|statistics|fractions|decimal)\.(?=\p{L})/iuy;
/** Functions that may stand before their argument without parentheses. */
const BARE = /^(?:sqrt|cbrt|ln|log|log2|log10|exp|sin|cos|tan|arcsin|arccos|arctan|abs)$/;
/** `sqrt16`, `log_2(8)`, `log_{10} 100`. */
const WITH_NUMBER =
  /(sqrt|cbrt|sin|cos|tan|ln|exp|abs)(?=\d)|log_(?:\{(\d{1,9})\}|\((\d{1,9})\)|(\d{1,9}))|log base (\d{1,9}) of(?!\p{L})/iuy;
/** A word of a unit, with its power: `apples`, `km`, `m^2`, `sq.`. */
const UNIT_WORD =
  /[^\S\n]*((?:°\s?[CF](?!\p{L})|[\p{L}µ][\p{L}\p{M}µ'’]*(?:-\p{L}+)*)\.?)(?:(?:\^|\*\*)\s*[-+]?(?:\d|\{\s*[-+]?\d\s*\})(?![\d.])|[²³]|(?<=[cmk]?m)[23](?!\d))?/uy;
const PER_WORD =
  /[^\S\n]*(?:\/|per(?!\p{L}))[^\S\n]*(?=[\p{L}µ])|[^\S\n]+an?[^\S\n]+(?=(?:second|minute|hour|day|night|week|month|year)(?!\p{L}))/iuy;
const OF_WORD = /[^\S\n]+of[^\S\n]+(?:the[^\S\n]+)?(\p{L}{3,})/iuy;
/** The most words that a unit is made of. */
const MAX_UNIT_WORDS = 6;
/** Letters that are units by themselves where they adjoin a number; others are unknowns. */
const ATTACHED = /^[ghlLsWVJNKF]$/;
/** Words that say more than what is counted. */
const CONNECTING = new Set(
  `
    and or nor not if to from than then is are was were be in into with without at by for as per between
    among but plus minus times divided multiplied over equals equal mod modulo choose of off percent less out
    factorial factorials root power remainder inverse reciprocal rounded percentage negative opposite quotient grand
    sqrt cbrt abs ln log exp gcd lcm floor ceil round sine cosine tangent squareroot modulus
    more fewer subtracted added squared cubed doubled tripled
    halved where when while so because true false am pm
  `
    .trim()
    .split(/\s+/),
);
/** `12 in * 2`: inches, where no word or number goes on. */
const INCH = /^[^\S\n]*in\b\.?(?!\s*[\p{L}\d(])/u;
/** A unit in parentheses after its number. */
const IN_PARENTHESES = /\(\s*(\p{L}{3,}(?:\s+\p{L}{2,}){0,4}\.?)\s*\)/uy;

/** Adds the piece that the letters at the lexer's place make; false where there are none. */
export function readWordAt(lexer: Lexer): boolean {
  const { text, at, afterOperand } = lexer;
  if (afterOperand && (readUnitInParentheses(lexer) || readPrice(lexer))) return true;
  if (!LETTER.test(text[at] as string) && !(text[at] === '°' && /^°\s?[CF](?!\p{L})/u.test(text.slice(at)))) {
    return false;
  }
  const library = matchAt(LIBRARY, text, at);
  if (library !== null) {
    lexer.at += library[0].length;
    if (readOfLibrary(lexer)) return true;
  }
  return (
    readTimes(lexer) ||
    readPercentWord(lexer) ||
    (afterOperand && (readFactorialWord(lexer) || readOrdinal(lexer) || readPowerWords(lexer))) ||
    readRaised(lexer) ||
    (afterOperand && readInfix(lexer)) ||
    readFunction(lexer) ||
    readConstant(lexer) ||
    (!afterOperand && (readPrefix(lexer) || readNumberWords(lexer))) ||
    readFiller(lexer) ||
    (afterOperand && readMore(lexer)) ||
    (afterOperand && readUnit(lexer)) ||
    readName(lexer)
  );
}

/** `x` between two operands, as a sign of multiplication. */
function readTimes(lexer: Lexer): boolean {
  const { text, at, letters, afterOperand } = lexer;
  const rest = text.slice(at, at + 8);
  if (!afterOperand || !/^[xX](?!\p{L})/u.test(rest)) return false;
  const isSign =
    /^[xX]\s*(?:[\d.√?□▢◻⬜]|_+(?![\p{L}\d_]))/u.test(rest) ||
    (letters === 'signs' &&
      (/^[xX]\s*[(⟦\p{Sc}\p{L}[{]/u.test(rest) ||
        (/\s/.test(text[at - 1] ?? '') && /^[xX]\s+-[\d.(]/.test(rest))));
  if (!isSign) return false;
  lexer.operator('*', 1);
  return true;
}

function readPercentWord(lexer: Lexer): boolean {
  const match = matchAt(/(?:percent|per cent|pct)(?!\p{L})\.?/iuy, lexer.text, lexer.at);
  if (match === null || !lexer.afterOperand) return false;
  lexer.add({ kind: 'percentWord' }, match[0].length);
  lexer.assumed = true;
  return true;
}

function readInfix(lexer: Lexer): boolean {
  const { text, at } = lexer;
  const chosen = /^[CP]\s*(?=[\d(])/.exec(text.slice(at));
  if (chosen !== null) {
    lexer.assumed = true;
    lexer.operator(chosen[0].startsWith('C') ? 'choose' : 'permute', 1);
    return true;
  }
  const infix = infixAt(text, at);
  if (infix !== null) {
    lexer.assumed ||= infix.found !== 'of' && infix.found !== 'mod';
    lexer.operator(infix.found, infix.text.length);
    return true;
  }
  const per = /^per\s+(?=[\d(])/i.exec(text.slice(at));
  if (per === null) return false;
  lexer.assumed = true;
  lexer.operator('/', 3);
  return true;
}

function readFunction(lexer: Lexer): boolean {
  const { text, at, afterOperand } = lexer;
  const numbered = matchAt(WITH_NUMBER, text, at);
  if (numbered !== null) {
    const base = numbered[2] ?? numbered[3] ?? numbered[4] ?? numbered[5];
    lexer.assumed ||= numbered[5] !== undefined;
    const name = numbered[1]?.toLowerCase() ?? (base === '10' || base === '2' ? `log${base}` : `log_${base}`);
    lexer.add({ kind: 'function', name }, numbered[0].length);
    return true;
  }
  const [word = ''] = matchAt(NAME, text, at) ?? [];
  const called = /^\s?[([{]/.test(text.slice(at + word.length));
  const name = called && (word === 'C' || word === 'P') ? `n${word}r` : word;
  if (prefixAt(text, at) !== null) return false;
  const known = functionNamed(name);
  // `10 min (2 sets)`, `5 sec (…)`: what is counted, and a remark.
  if (
    known !== null &&
    afterOperand &&
    unitNamed(word) !== null &&
    /^\s/.test(text.slice(at + word.length))
  ) {
    return false;
  }
  if (known === null || (!called && !BARE.test(known))) {
    // `apples (2)` after a number is a unit; a word that is called is a function that is not known.
    if (called && !afterOperand && word.length > 1 && !CONSTANTS.has(word.toLowerCase())) {
      if (prefixAt(text, at) === null && infixAt(text, at) === null && !isNumberWord(word.toLowerCase())) {
        throw unknownName(word);
      }
    }
    return false;
  }
  lexer.add({ kind: 'function', name: known }, word.length);
  return true;
}

function readConstant(lexer: Lexer): boolean {
  const [word = ''] = matchAt(NAME, lexer.text, lexer.at) ?? [];
  const name = /^(?:pi|π)$/i.test(word) ? 'pi' : word;
  if (!CONSTANTS.has(name)) return false;
  if (name === 'e' && lexer.letters === 'unknowns' && lexer.afterOperand) return false;
  lexer.add({ kind: 'constant', name }, word.length);
  return true;
}

function readPrefix(lexer: Lexer): boolean {
  const negative = matchAt(/(?:negative|minus)(?!\p{L})/iuy, lexer.text, lexer.at);
  if (negative !== null) {
    lexer.assumed = true;
    lexer.operator('-', negative[0].length);
    return true;
  }
  const prefix = prefixAt(lexer.text, lexer.at);
  if (prefix === null) return false;
  lexer.assumed = true;
  lexer.add({ kind: 'prefix', phrase: prefix.found }, prefix.text.length);
  return true;
}

const POINT = /^point (?:zero|one|two|three|four|five|six|seven|eight|nine)(?!\p{L})/iu;
const QUARTER = /^quarter (?:hundred|thousand|million|billion|trillion|dozen)(?!\p{L})/iu;

/** `point five`, `quarter million`: with what was left out of `zero point five` and `a quarter million`. */
function inFull(text: string): string {
  if (POINT.test(text)) return `zero ${text}`;
  return QUARTER.test(text) ? `a ${text}` : text;
}

function readNumberWords(lexer: Lexer): boolean {
  const rest = lexer.text.slice(lexer.at, lexer.at + 300);
  const read = readWords(inFull(rest));
  if (read === null || /^\p{L}/u.test(read.rest)) return false;
  lexer.assumed = true;
  const { value, rest: after } = withScore(withFraction({ value: read.numeral.value, rest: read.rest }));
  lexer.add({ kind: 'number', value, said: saidOf(value), plain: false }, rest.length - after.length);
  return true;
}

interface Begun {
  readonly value: Rational;
  readonly rest: string;
}

/** `five and 3/4` */
function withFraction({ value, rest }: Begun): Begun {
  const match = /^ and (\d{1,4})\/(\d{1,4})(?![\d.,/]|\s*[\^!(])/.exec(rest);
  const [whole = '', over = '', under = ''] = match ?? [];
  if (!isWhole(value) || Number(over) >= Number(under)) return { value, rest };
  const part = { n: BigInt(over), d: BigInt(under) };
  return { value: plus(value, part), rest: rest.slice(whole.length) };
}

/** `three score and ten` */
function withScore({ value, rest }: Begun): Begun {
  const match = /^[ -]score(?!\p{L})(?! \p{L}+ of)/iu.exec(rest);
  if (match === null || !isWhole(value)) return { value, rest };
  const many = times(value, decimal('20'));
  const after = rest.slice(match[0].length);
  const joined = /^ and (?=[a-z])/i.exec(after);
  const more = joined === null ? null : readWords(after.slice(joined[0].length));
  return more === null
    ? { value: many, rest: after }
    : { value: plus(many, more.numeral.value), rest: more.rest };
}

/** Articles say nothing. */
function readFiller(lexer: Lexer): boolean {
  const match = matchAt(/(?:the|a total of|all)\s+(?=\S)/iuy, lexer.text, lexer.at);
  if (match === null) return false;
  lexer.at += match[0].length;
  lexer.assumed = true;
  return true;
}

/** `5 apples + 3 more`, `3 more apples`; not `3 more than 5`. */
function readMore(lexer: Lexer): boolean {
  const match = matchAt(
    /more(?=\s*(?:$|[-+*/×÷)=]|\p{L}{3,}))(?!\s+than(?!\p{L}))\s*/iuy,
    lexer.text,
    lexer.at,
  );
  if (match === null || lexer.last?.kind !== 'number') return false;
  lexer.at += match[0].length;
  lexer.assumed = true;
  return true;
}

/** The words after an operand that say what is counted. */
function readUnit(lexer: Lexer): boolean {
  const { text, at, letters, last } = lexer;
  if (last?.kind === 'unit') return false;
  const isAttached = !/\s/.test(text[at - 1] ?? ' ');
  let end = at;
  const words: string[] = [];
  let isPer = false;
  while (words.length < MAX_UNIT_WORDS) {
    const match = matchAt(UNIT_WORD, text, end);
    const word = match?.[1] ?? '';
    if (match === null) break;
    const isFirst = words.length === 0;
    const isInch = (isFirst || isPer) && INCH.test(text.slice(end));
    if (!isInch && !isUnitWord(word, { letters, isAttached: isAttached && isFirst })) break;
    if (isFirst) refuseCount(lexer, word);
    // `3 x 4` and `3 apples x 4`: the sign is no word.
    if (words.length > 0 && /^[xX]$/.test(word)) break;
    if (!isPer && stops(text, end, word)) break;
    words.push(word);
    end += match[0].length;
    const per = matchAt(PER_WORD, text, end);
    isPer = per !== null && unitFollows(text, end + per[0].length);
    if (isPer) end += per?.[0].length ?? 0;
    else end += ofWhat(text, end);
  }
  if (words.length === 0) return false;
  lexer.assumed = true;
  lexer.add({ kind: 'unit', unit: words.length === 1 ? unitNamed(words[0] as string) : null }, end - at);
  return true;
}

/** Of `200 g of flour` the length of ` of`; 0 where something to calculate with may come after it. */
function ofWhat(text: string, at: number): number {
  const [whole = '', word = ''] = matchAt(OF_WORD, text, at) ?? [];
  const from = at + whole.length - word.length;
  const isUnit =
    word !== '' &&
    unitFollows(text, from) &&
    isUnitWord(word, { letters: 'signs', isAttached: false }) &&
    infixAt(text, from) === null &&
    prefixAt(text, from) === null;
  return isUnit ? whole.length - word.length : 0;
}

/** Words of old counts that are other things today: `two scores`, `4 gross`. */
function refuseCount({ last, isMoney }: Lexer, word: string): void {
  if (last?.kind !== 'number' || isMoney) return;
  const count = /^scores?$/i.test(word) ? 20 : /^gross$/i.test(word) ? 144 : null;
  if (count === null) return;
  throw ambiguous(`${last.said} ${word}`, `${last.said} * ${count}`, `${last.said} things of that name`);
}

/** Whether the word is an operator, or a function's name, or a number. */
function stops(text: string, at: number, word: string): boolean {
  const from = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
  const called = /^\s?\(/.test(text.slice(from + word.length)) && functionNamed(word) !== null;
  return infixAt(text, from) !== null || called || /^(?:percent|per)$/i.test(word);
}

/** After `per` or a slash: a word, and not something to divide by. */
function unitFollows(text: string, at: number): boolean {
  const [word = ''] = matchAt(NAME, text, at) ?? [];
  return (
    word !== '' &&
    (functionNamed(word) === null || unitNamed(word) !== null) &&
    !isNumberWord(word.toLowerCase()) &&
    !/^(?:pi|π|e)$/i.test(word)
  );
}

function isUnitWord(
  word: string,
  { letters, isAttached }: { readonly letters: string; readonly isAttached: boolean },
): boolean {
  const plain = word.replace(/\.$/, '');
  if (/^\p{L}$/u.test(plain)) {
    if (letters === 'unknowns') return false;
    if (plain === 'm' && isAttached) throw ambiguous(`…${plain}`, 'millions', 'meters');
    return isAttached ? ATTACHED.test(plain) : ATTACHED.test(plain) || plain === 'm' || plain === 't';
  }
  if (/[²³°]/.test(plain)) return true;
  if (/^pi$|^π/iu.test(plain)) return false;
  const lower = plain.toLowerCase();
  if (lower.split(/[-']/).some((part) => isNumberWord(part)) && unitNamed(lower) === null) return false;
  return !CONNECTING.has(lower) && !plain.includes('_');
}

/** `$3/apple`, `$3 per apple`, `$3 an apple`, `5% per year`. */
function readPrice(lexer: Lexer): boolean {
  const { text, at, isMoney, last } = lexer;
  const isPrice = isMoney && last?.kind === 'number';
  const isRate = last?.kind === 'percent';
  const per =
    (isPrice || isRate ? matchAt(PER_WORD, text, at) : null) ??
    (isPrice ? matchAt(/[^\S\n]*an?[^\S\n]+(?=\p{L})/uy, text, at) : null);
  if (per === null || !unitFollows(text, at + per[0].length)) return false;
  const [word = ''] = matchAt(NAME, text, at + per[0].length) ?? [];
  if (word.length < 2) return false;
  lexer.assumed = true;
  lexer.add({ kind: 'unit', unit: null }, per[0].length + word.length);
  return true;
}

function readUnitInParentheses(lexer: Lexer): boolean {
  const match = matchAt(IN_PARENTHESES, lexer.text, lexer.at);
  if (match === null) return false;
  const words = (match[1] as string).split(/\s+/);
  if (
    words.some(
      (word) => functionNamed(word) !== null || !isUnitWord(word, { letters: 'signs', isAttached: false }),
    )
  ) {
    return false;
  }
  if (prefixAt(lexer.text, lexer.at + 1) !== null) return false;
  lexer.assumed = true;
  lexer.add(
    { kind: 'unit', unit: words.length === 1 ? unitNamed(words[0] as string) : null },
    match[0].length,
  );
  return true;
}

/** What is left is a name: an unknown of an equation, or a word of what a result is called. */
function readName(lexer: Lexer): boolean {
  const { text, at, afterOperand, last } = lexer;
  const match = matchAt(NAME, text, at);
  if (match === null) throw unreadable();
  const [word] = match;
  const joins = isJoining(word) && lexer.tokens.some(({ kind }) => kind === 'prefix');
  if (afterOperand && last?.kind !== 'name' && word.length > 1 && !joins) {
    throw CONNECTING.has(word.toLowerCase()) || isNumberWord(word.toLowerCase())
      ? unreadable()
      : unknownName(word);
  }
  // `x4` after a number was a sign; `x4` by itself is a name.
  lexer.add({ kind: 'name', name: word }, word.length);
  return true;
}
