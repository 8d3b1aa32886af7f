/** The pieces of an expression that were read so far, and what is known of the place that comes next. */
import { ambiguous, Refusal, unreadable } from './refusal.ts';
import { endsOperand, type Letters, type Piece, type Token } from './tokens.ts';

export interface LexerOptions {
  readonly letters: Letters;
  /** Deepest nesting of brackets. */
  readonly maxDepth: number;
}

export const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '⌊': '⌋', '⌈': '⌉' };

export class Lexer {
  readonly text: string;
  readonly letters: Letters;
  readonly tokens: Token[] = [];
  readonly #maxDepth: number;
  /** The brackets that are open, and whether each is a function's. */
  readonly #open: { readonly closes: string; readonly call: boolean }[] = [];
  #openBars = 0;
  /** Whether blanks, and a new line, were skipped since the last piece. */
  #spaced = false;
  #line = false;
  at = 0;
  /** Whether something was read that is not written literally. */
  assumed = false;
  /** Whether the number that comes next, or was read last, is an amount of money. */
  isMoney = false;
  /** Signs of money, of which one expression has one. */
  readonly #currencies = new Set<string>();

  constructor(text: string, { letters, maxDepth }: LexerOptions) {
    this.text = text;
    this.letters = letters;
    this.#maxDepth = maxDepth;
  }

  get last(): Token | undefined {
    return this.tokens.at(-1);
  }

  get afterOperand(): boolean {
    return endsOperand(this.last);
  }

  /** Whether a comma separates arguments here. */
  get inCall(): boolean {
    return this.#open.at(-1)?.call ?? false;
  }

  get inBrackets(): boolean {
    return this.#open.length > 0;
  }

  /** Adds a piece that ends so far into the text. */
  add(piece: Piece, length: number): void {
    const text = this.text.slice(this.at, this.at + length);
    this.tokens.push({ ...piece, text, spaced: this.#spaced, line: this.#line });
    this.at += length;
    this.#spaced = false;
    this.#line = false;
    if (piece.kind === 'operator') this.isMoney = false;
  }

  operator(name: string, length: number): void {
    this.add({ kind: 'operator', name }, length);
  }

  /** Whether its money is dollars, of which there are cents. */
  get isDollars(): boolean {
    return this.isMoney && this.#currencies.has('$');
  }

  currency(name: string): void {
    this.#currencies.add(name);
    if (this.#currencies.size > 1) {
      throw new Refusal(
        `${[...this.#currencies].join(' and ')} are different currencies: convert to one first.`,
      );
    }
  }

  /** Goes over blanks; false where there is none. */
  skipBlank(): boolean {
    const char = this.text[this.at] as string;
    if (!/\s/.test(char)) return false;
    this.#spaced = true;
    this.#line ||= char === '\n';
    this.at++;
    return true;
  }

  factorial(): void {
    if (this.last?.kind === 'factorial') {
      throw ambiguous('!!', 'the factorial of a factorial, (n!)!,', 'a double factorial');
    }
    this.add({ kind: 'factorial' }, 1);
  }

  opening(char: string): void {
    const call =
      this.last?.kind === 'function' || (this.inCall && /[[{]/.test(char) && this.last?.kind === 'open');
    if (char === '⌊' || char === '⌈') {
      this.tokens.push({
        kind: 'function',
        name: char === '⌊' ? 'floor' : 'ceil',
        text: '',
        spaced: false,
        line: false,
      });
    }
    this.#open.push({ closes: CLOSING[char] as string, call });
    if (this.#open.length > this.#maxDepth) {
      throw new Refusal(`parentheses are nested deeper than ${this.#maxDepth}.`);
    }
    this.add({ kind: 'open', closes: CLOSING[char] as string, call }, 1);
  }

  closing(char: string): void {
    const open = this.#open.pop();
    if (open === undefined) throw new Refusal('a parenthesis is closed and not opened.');
    if (open.closes !== char) {
      throw new Refusal(`a bracket is closed with ${char} where ${open.closes} was expected.`);
    }
    this.add({ kind: 'close' }, 1);
  }

  bar(): void {
    // After an operand it closes what is open; where nothing is, it multiplies: `2|3 - 5|`.
    const opens = !this.afterOperand || this.#openBars === 0;
    this.#openBars += opens ? 1 : -1;
    if (this.#openBars < 0 || this.#openBars > this.#maxDepth) throw unreadable();
    this.add({ kind: 'bar', opens }, 1);
  }

  comma(): void {
    const tight =
      /^\d{3}(?!\d)/.test(this.text.slice(this.at + 1)) && /\d/.test(this.text[this.at - 1] ?? '');
    this.add({ kind: 'comma', tight: tight && /(?<!\d)\d{1,3}$/.test(this.text.slice(0, this.at)) }, 1);
  }

  /** A sign before or after its number; cents count as hundredths. */
  money(char: string): void {
    if (char === '¢' && this.afterOperand) {
      this.assumed = true;
      this.add({ kind: 'cents' }, 1);
      return;
    }
    this.currency(char === '¢' ? '$' : char);
    this.isMoney = true;
    this.at++;
  }
}
