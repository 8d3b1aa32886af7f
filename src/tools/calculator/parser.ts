/**
 * Reads the pieces of an expression into a tree. From loose to tight: sums; products, also without a sign;
 * signs; powers; what comes after an operand. Whatever has two readings is refused, and both are named.
 */
import { FUNCTIONS } from './functions.ts';
import { binary, changed, compared, increased, number, summed, unitOf } from './nodes.ts';
import type { Phrase } from './phrases.ts';
import { ambiguous, Refusal, unknownName, unreadable } from './refusal.ts';
import { endsOperand, isTightDivision, startsOperand, type Token } from './tokens.ts';
import type { Node, Operator } from './tree.ts';
import {
  refuseDivisionByFraction,
  refuseOf,
  refuseOne,
  refusePercentOfFraction,
  refuseUnitRaised,
  shortly,
} from './two-readings.ts';

/** Exponents of exponents, brackets and functions together, that the parser descends into. */
const MAX_DESCENT = 1200;
/** Functions before functions without parentheses: `sqrt sqrt 16`. */
const MAX_BARE = 32;

const SUMS: ReadonlySet<string> = new Set(
  ['+', '-', 'less than', 'more than', 'subtracted from'].concat(['increased by', 'decreased by']),
);
const PRODUCTS: ReadonlySet<string> = new Set(['*', '/', '//', 'mod', 'of', 'off']);

export interface Parsed {
  readonly node: Node;
  /** Whether something was read that is not written literally. */
  readonly assumed: boolean;
}

export function parse(tokens: readonly Token[]): Parsed {
  const parser = new Parser(tokens);
  return { node: parser.whole(), assumed: parser.assumed };
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #descent = 0;
  #bare = 0;
  assumed = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Node {
    const node = this.#sum();
    if (this.#next !== undefined) throw this.#unexpected();
    return node;
  }

  get #next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #peek(ahead: number): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  /** Takes the next operator if it is one of these. */
  #operator(among: ReadonlySet<string>): string | null {
    const token = this.#next;
    if (token?.kind !== 'operator' || !among.has(token.name)) return null;
    this.#at++;
    return token.name;
  }

  #unexpected(): Refusal {
    const token = this.#next;
    if (token?.line) return new Refusal('there are several lines: write one expression a call.');
    if (token?.kind === 'name') return unknownName(token.name);
    return unreadable();
  }

  #sum(): Node {
    if (++this.#descent > MAX_DESCENT) throw unreadable();
    let left = this.#product();
    for (let name = this.#operator(SUMS); name !== null; name = this.#operator(SUMS)) {
      const right = this.#product();
      if (name === '+' || name === '-') left = summed(name, left, right);
      else if (name === 'subtracted from') left = summed('-', right, left);
      else if (/creased/.test(name)) left = increased(name, left, right);
      else left = compared(name, left, right);
    }
    this.#descent--;
    return left;
  }

  #product(): Node {
    let left = this.#signed();
    for (;;) {
      const modulo = this.#modulo();
      const name = modulo ? 'mod' : this.#operator(PRODUCTS);
      if (name !== null) {
        const isSign = this.#peek(-1)?.text === '÷';
        const right = this.#signed();
        if (isSign && isTightDivision(this.#next)) refuseDivisionByFraction(left, right);
        if (name === 'of') refuseOf(left, right);
        if (name === '/' && !this.#peek(-2)?.spaced) refusePercentOfFraction(left, right);
        if (name === 'off') left = { kind: 'binary', operator: '*', left: right, right: changed('-', left) };
        else left = { kind: 'binary', operator: name === 'of' ? '*' : (name as Operator), left, right };
      } else if (this.#isFactor()) {
        const right = this.#power();
        if (left.kind === 'binary' && ['/', '//', 'mod'].includes(left.operator)) {
          const [a, b, c] = [left.left, left.right, right].map((node) => shortly(node));
          const sign = left.operator;
          throw new Refusal(
            `write * for each multiplication next to a division: (${a} ${sign} ${b}) * ${c} or ${a} ${sign} (${b} * ${c}).`,
          );
        }
        left = { kind: 'binary', operator: '*', left, right };
      } else return left;
    }
  }

  /** Whether the next operand multiplies, without a sign between: `2(3)`, `(1)(2)`, `2 pi`. */
  #isFactor(): boolean {
    const [before, next] = [this.#peek(-1), this.#next];
    if (!startsOperand(next) || !endsOperand(before) || next?.line) return false;
    if (next?.kind === 'prefix' || before?.kind === 'unit' || before?.kind === 'percent') return false;
    // `3!2!` is a product, `3 2` is none.
    if (next?.kind === 'number') return before?.kind === 'close' || before?.kind === 'factorial';
    return true;
  }

  /** A percent sign between two numbers is a remainder. */
  #modulo(): boolean {
    if (this.#next?.kind !== 'percent' || !this.#isModulo()) return false;
    this.#at++;
    this.assumed = true;
    return true;
  }

  /** What the percent sign that comes next is. Refused where it may be either. */
  #isModulo(): boolean {
    const after = this.#peek(1);
    if (after === undefined || after.line) return false;
    const [before, shown] = [this.#peek(-1)?.text ?? '', after.text];
    if (after.kind === 'number') {
      if (!this.#percentAhead(1)) return true;
      throw ambiguous(`${before} % ${shown}%`, `${before} mod ${shown}%`, `${before}% * ${shown}%`);
    }
    const isSign = after.kind === 'operator' && (after.name === '+' || after.name === '-');
    if (isSign && this.#percentAhead(2)) return false;
    const isOperand = startsOperand(after) && after.kind !== 'prefix';
    if (!isSign && !isOperand) return false;
    const then = isSign ? `${before}% ${after.name} ...` : `${before}% * ...`;
    throw ambiguous(`${before} % ${after.text}`, `${before} mod ...`, then);
  }

  /** Whether a number with a percent sign that is no remainder stands there. */
  #percentAhead(ahead: number): boolean {
    const [number, percent, after] = [this.#peek(ahead), this.#peek(ahead + 1), this.#peek(ahead + 2)];
    return number?.kind === 'number' && percent?.kind === 'percent' && after?.kind !== 'number';
  }

  #signed(): Node {
    let isNegative = false;
    let signs = 0;
    for (;;) {
      const token = this.#next;
      if (token?.kind !== 'operator' || (token.name !== '-' && token.name !== '+')) break;
      if (token.name === '-') isNegative = !isNegative;
      signs++;
      this.#at++;
    }
    const node = this.#power();
    if (signs > 0 && !isNegative) return { kind: 'group', of: node };
    return isNegative ? { kind: 'negative', of: node } : node;
  }

  #power(): Node {
    if (++this.#descent > MAX_DESCENT) throw unreadable();
    const base = this.#choice();
    const token = this.#next;
    if (token?.kind !== 'operator' || token.name !== '^') {
      this.#descent--;
      return base;
    }
    refuseUnitRaised(base);
    this.#at++;
    const right = this.#signed();
    this.#descent--;
    // 2^3 kg: the unit belongs to the power.
    const power: Node = { kind: 'binary', operator: '^', left: base, right };
    return right.kind === 'unit' ? { kind: 'unit', of: power, unit: right.unit } : power;
  }

  #choice(): Node {
    const left = this.#postfix(this.#operand());
    const token = this.#next;
    if (token?.kind !== 'operator' || (token.name !== 'choose' && token.name !== 'permute')) return left;
    this.#at++;
    const right = this.#postfix(this.#operand());
    return { kind: 'call', name: token.name === 'choose' ? 'binomial' : 'permutations', args: [left, right] };
  }

  #postfix(operand: Node): Node {
    let node = operand;
    for (;;) {
      const token = this.#next;
      if (token?.kind === 'factorial') node = { kind: 'factorial', of: node };
      else if (token?.kind === 'degrees') node = { kind: 'degrees', of: node };
      else if (token?.kind === 'unit') node = unitOf(node, token.unit);
      else if (token?.kind === 'percentWord') node = { kind: 'percent', of: node };
      else if (token?.kind === 'cents') node = binary('/', node, 100n);
      else if (token?.kind === 'percent') {
        if (this.#isModulo()) return node;
        node = { kind: 'percent', of: node };
      } else if (token?.kind === 'operator' && /^(?:squar|cub)ed$/.test(token.name)) {
        node = binary('^', node, token.name === 'squared' ? 2n : 3n);
      } else return node;
      this.#at++;
    }
  }

  #operand(): Node {
    const token = this.#next;
    switch (token?.kind) {
      case 'number':
        this.#at++;
        return {
          ...{ kind: 'number', value: token.value, text: token.said },
          ...(token.money && { money: true }),
        };
      case 'constant':
        this.#at++;
        return { kind: 'constant', name: token.name };
      case 'name':
        this.#at++;
        return { kind: 'unknown', name: token.name };
      case 'open':
        return this.#group();
      case 'bar':
        return this.#absolute(token.opens);
      case 'function':
        this.#at++;
        return token.power === undefined
          ? this.#call(token.name)
          : binary('^', this.#call(token.name), token.power);
      case 'prefix':
        this.#at++;
        return this.#prefix(token.phrase);
      default:
        throw this.#unexpected();
    }
  }

  #group(): Node {
    this.#at++;
    const of = this.#sum();
    this.#close();
    return { kind: 'group', of };
  }

  #close(): void {
    if (this.#next?.kind !== 'close') throw this.#unexpected();
    this.#at++;
  }

  #absolute(opens: boolean): Node {
    if (!opens) throw unreadable();
    this.#at++;
    const of = this.#sum();
    if (this.#next?.kind !== 'bar' || this.#next.opens) throw unreadable();
    this.#at++;
    return { kind: 'call', name: 'abs', args: [of] };
  }

  #call(written: string): Node {
    const [, named, base] = /^(log|root)_(\d+)$/.exec(written) ?? [];
    const name = named ?? written;
    const extra: Node[] = base === undefined ? [] : [number(BigInt(base))];
    if (this.#next?.kind !== 'open') return this.#callOfFactor(name, extra);
    const args = [...this.#arguments(name), ...extra];
    const { least, most } = FUNCTIONS.get(name) ?? { least: 0, most: 0 };
    if (args.length < least || args.length > most) {
      throw new Refusal(`${name} cannot be given ${args.length} arguments.`);
    }
    return { kind: 'call', name, args };
  }

  /** Without parentheses a function takes the next factor, where that is all that it can take. */
  #callOfFactor(name: string, extra: readonly Node[]): Node {
    const sign = this.#peek(-1)?.text ?? name;
    this.assumed ||= sign !== '√' || this.#next?.kind !== 'number';
    const argument = this.#bareArgument(() => this.#signed());
    const said = shortly(argument);
    if (argument.kind === 'factorial' || argument.kind === 'percent') {
      const mark = argument.kind === 'factorial' ? '!' : '%';
      throw ambiguous(`${sign} ${said}`, `${name}(${said})`, `${name}(${shortly(argument.of)})${mark}`);
    }
    const next = this.#next;
    const isTight = isTightDivision(next) && !/^[√∛]$/.test(sign);
    const divisor = this.#peek(1);
    if ((isTight && divisor?.kind !== 'function') || (this.#isFactor() && next?.kind !== 'open')) {
      if (next?.kind !== 'function' && next?.kind !== 'bar') {
        const sequel = isTight ? ' / ...' : ' * ...';
        throw ambiguous(`${sign} ${said}...`, `${name}(${said}${sequel})`, `${name}(${said})${sequel}`);
      }
    }
    return { kind: 'call', name, args: [argument, ...extra] };
  }

  #bareArgument(read: () => Node): Node {
    if (++this.#bare > MAX_BARE) throw new Refusal(`functions are nested deeper than ${MAX_BARE}.`);
    const node = read();
    this.#bare--;
    return node;
  }

  #arguments(name: string): Node[] {
    this.#at++;
    if (this.#next?.kind === 'close') {
      this.#at++;
      return [];
    }
    // sum([1, 2, 3])
    if (this.#isList()) return this.#list(name);
    const args = [this.#sum()];
    while (this.#next?.kind === 'comma') {
      this.#at++;
      args.push(this.#sum());
    }
    this.#close();
    return args;
  }

  /** Whether one list in brackets is all that the function is given. */
  #isList(): boolean {
    if (this.#next?.kind !== 'open' || !this.#next.call || this.#next.closes === ')') return false;
    let depth = 0;
    for (let ahead = 0; ; ahead++) {
      const token = this.#peek(ahead);
      if (token === undefined) return false;
      if (token.kind === 'open') depth++;
      if (token.kind === 'close' && --depth === 0) return this.#peek(ahead + 1)?.kind === 'close';
    }
  }

  #list(name: string): Node[] {
    const args = this.#arguments(name);
    if (this.#next?.kind !== 'close') throw unreadable();
    this.#at++;
    return args;
  }

  /** `the sum of 3, 4 and 5`: what goes on after it could belong to the last or to the whole. */
  #prefix(phrase: Phrase): Node {
    if (phrase.name === 'multiple') {
      return {
        kind: 'binary',
        operator: '*',
        left: number(BigInt(phrase.of)),
        right: this.#bareArgument(() => this.#power()),
      };
    }
    const argument = () => this.#bareArgument(() => this.#signed());
    const args = [argument()];
    while (phrase.joined.length > 0 && this.#joins(phrase.joined)) args.push(argument());
    const next = this.#next;
    if (next?.kind === 'operator' && !['subtracted from', 'less than', 'more than'].includes(next.name)) {
      const said = args.map((arg) => shortly(arg)).join(', ');
      const shown = phrase.name === 'power' ? `${said}^${phrase.of}` : `${phrase.of}(${said})`;
      throw ambiguous(`${shown} ${next.text} ...`, `(${shown}) ${next.text} ...`, 'one of a longer term');
    }
    if (phrase.name === 'change' && args.length === 2) return increased(phrase.of, ...(args as [Node, Node]));
    if (phrase.name === 'power')
      return binary('^', { kind: 'group', of: args[0] as Node }, BigInt(phrase.of));
    const { least, most } = FUNCTIONS.get(phrase.of) ?? { least: 0, most: 0 };
    if (args.length < least || args.length > most) throw unreadable();
    if (most === Infinity) refuseOne(phrase.of, args);
    return { kind: 'call', name: phrase.of, args: phrase.swapped ? args.toReversed() : args };
  }

  #joins(words: readonly string[]): boolean {
    if (this.#next?.kind === 'comma') {
      this.#at++;
      if (this.#isWord(words)) this.#at++;
      return true;
    }
    if (!this.#isWord(words)) return false;
    this.#at++;
    return true;
  }

  #isWord(words: readonly string[]): boolean {
    const token = this.#next;
    return token?.kind === 'name' && words.includes(token.name.toLowerCase());
  }
}
