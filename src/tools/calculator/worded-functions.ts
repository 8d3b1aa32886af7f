/** Functions in words and letters that say more than their name: a degree, a power, a library. */
import { decimal } from '../../agent/numbers/rational.ts';
import { PROGRAM_LOG } from './functions.ts';
import type { Lexer } from './lexer.ts';
import { ambiguous, unreadable } from './refusal.ts';

/** `4th root of 81`, `fifth root of 32`, and what spelling makes of `⁴√81`. */
const ROOT = /(?:the )?(?:(\d{1,2})(?:st|nd|rd|th)|(\p{L}+th)) root of(?!\p{L})|root_(\d{1,2})(?!\d)/iuy;
/** `to the 3rd power`, `to the fifth power`. */
const TO_THE_POWER = /(?:raised )?to the (?:(\d{1,3})(?:st|nd|rd|th)|(\p{L}+)) power(?!\p{L})/iuy;
const ORDINALS = 'zeroth first second third fourth fifth sixth seventh eighth ninth tenth'.split(' ');
/** Functions that are raised to a power before what they take: `sin²(30°)`. */
const RAISED = /(sin|cos|tan|cot|sec|csc|ln)\s?\^\s?(?:(\d)|\{(\d)\}|([-({]))/iuy;

/** `math.log(10)` is the natural logarithm, `Math.E` the constant. */
export function readOfLibrary(lexer: Lexer): boolean {
  const match = matchAt(/log(?=\s?\()|E(?![\p{L}\d_])/uy, lexer.text, lexer.at);
  if (match === null) return false;
  if (match[0] === 'E') lexer.add({ kind: 'constant', name: 'e' }, 1);
  else lexer.add({ kind: 'function', name: PROGRAM_LOG }, 3);
  return true;
}

/** `10 factorial`. */
export function readFactorialWord(lexer: Lexer): boolean {
  const match = matchAt(/factorial(?!\p{L}|\s*(?:of\b|\())/iuy, lexer.text, lexer.at);
  if (match === null) return false;
  lexer.assumed = true;
  lexer.add({ kind: 'factorial' }, match[0].length);
  return true;
}

/** The end of `1/10th`; elsewhere an ordinal counts nothing. */
export function readOrdinal(lexer: Lexer): boolean {
  const match = matchAt(/(?:st|nd|rd|th)s?(?!\p{L})/iuy, lexer.text, lexer.at);
  if (match === null || !/\d/.test(lexer.text[lexer.at - 1] ?? '')) return false;
  const before = lexer.tokens.at(-2);
  if (before?.kind !== 'operator' || before.name !== '/') throw unreadable();
  lexer.assumed = true;
  lexer.at += match[0].length;
  return true;
}

export function readPowerWords(lexer: Lexer): boolean {
  const match = matchAt(TO_THE_POWER, lexer.text, lexer.at);
  const exponent = match === null ? -1 : ordinalOf(match[1], match[2]);
  if (match === null || exponent < 0) return false;
  lexer.assumed = true;
  lexer.operator('^', 0);
  const value = decimal(String(exponent));
  lexer.add({ kind: 'number', value, said: String(exponent), plain: false }, match[0].length);
  return true;
}

/** Of digits, or of a word; -1: the word is none. */
function ordinalOf(digits: string | undefined, word: string | undefined): number {
  return digits === undefined ? ORDINALS.indexOf((word ?? '').toLowerCase()) : Number(digits);
}

/** A root of a degree that is said before it. */
export function readRootAt(lexer: Lexer): boolean {
  const match = matchAt(ROOT, lexer.text, lexer.at);
  const degree = match === null ? -1 : ordinalOf(match[1] ?? match[3], match[2]);
  if (match === null || degree < 1) return false;
  lexer.assumed = true;
  lexer.add({ kind: 'function', name: `root_${degree}` }, match[0].length);
  return true;
}

/** `sin^2(30°)`; with an exponent of -1 it is the inverse to some. */
export function readRaised(lexer: Lexer): boolean {
  const match = matchAt(RAISED, lexer.text, lexer.at);
  if (match === null) return false;
  const [whole, name = '', digit, inBraces, sign] = match;
  if (sign !== undefined) {
    throw ambiguous(whole, `the inverse function arc${name}`, `a power of ${name}`);
  }
  lexer.assumed = true;
  lexer.add(
    { kind: 'function', name: name.toLowerCase(), power: BigInt((digit ?? inBraces) as string) },
    whole.length,
  );
  return true;
}

/** A pattern at a place, where it has the flag `y`. */
export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
