/** Cuts an expression into its pieces, from left to right. */
import { CLOSING, Lexer, type LexerOptions } from './lexer.ts';
import { readNumberAt } from './number-pieces.ts';
import { ambiguous, Refusal, unreadable } from './refusal.ts';
import type { Token } from './tokens.ts';
import { readWordAt } from './word-pieces.ts';
import { readRootAt } from './worded-functions.ts';

/** A blank to be filled in is the unknown. */
const BLANK = /\?{1,20}|_{1,20}(?![\p{L}\d])|[□▢◻⬜]/uy;
const OPERATORS = /\*\*|\/\/|[-+*/^÷]/y;
const CLOSES: ReadonlySet<string> = new Set(Object.values(CLOSING));

export interface Pieces {
  readonly tokens: readonly Token[];
  /** Whether something was read that is not written literally. */
  readonly assumed: boolean;
}

export function piecesOf(text: string, options: LexerOptions): Pieces {
  const lexer = new Lexer(text, options);
  while (lexer.at < text.length) {
    if (
      lexer.skipBlank() ||
      readRootAt(lexer) ||
      readNumberAt(lexer) ||
      readWordAt(lexer) ||
      readOperatorAt(lexer)
    )
      continue;
    if (!readSignAt(lexer, text[lexer.at] as string)) throw foreign(lexer);
  }
  const { tokens, assumed } = lexer;
  return { tokens, assumed };
}

function readOperatorAt(lexer: Lexer): boolean {
  OPERATORS.lastIndex = lexer.at;
  const sign = OPERATORS.exec(lexer.text)?.[0];
  if (sign === undefined) return false;
  lexer.operator(sign === '**' ? '^' : sign === '÷' ? '/' : sign, sign.length);
  return true;
}

/** Everything else that is one sign; false where it means nothing. */
function readSignAt(lexer: Lexer, char: string): boolean {
  BLANK.lastIndex = lexer.at;
  const blank = BLANK.exec(lexer.text);
  if (char === '!') lexer.factorial();
  else if (char === '@' && lexer.afterOperand) {
    lexer.assumed = true;
    lexer.operator('*', 1);
  } else if (char === '%') lexer.add({ kind: 'percent' }, 1);
  else if (char === '°') lexer.add({ kind: 'degrees' }, 1);
  else if (char === '|') lexer.bar();
  else if (char === ',') lexer.comma();
  else if (char === '√') lexer.add({ kind: 'function', name: 'sqrt' }, 1);
  else if (char === '∛') lexer.add({ kind: 'function', name: 'cbrt' }, 1);
  else if (CLOSING[char] !== undefined) lexer.opening(char);
  else if (CLOSES.has(char)) lexer.closing(char);
  else if (/\p{Sc}/u.test(char)) lexer.money(char);
  else if (blank !== null) lexer.add({ kind: 'name', name: '?' }, blank[0].length);
  else return false;
  return true;
}

function foreign({ text, at }: Lexer): Refusal {
  const sign = String.fromCodePoint(text.codePointAt(at) as number);
  if (sign === '=') return unreadable();
  if (sign === ':' && /\d/.test(text[at - 1] ?? '')) {
    return ambiguous(text.slice(Math.max(0, at - 8), at + 8), 'a time of day', 'a ratio');
  }
  return new Refusal(`the character ${JSON.stringify(sign)} is not arithmetic.`);
}
