/**
 * Arithmetic on hostile text, as people and models write it. The text is cut into pieces, read into a tree by
 * a grammar of Swirl's own, and the tree is walked; nothing of it is ever run. The length bounds the tree,
 * and `value.ts` the size of every number, so `9^9^9^9` is one comparison.
 */
import { isNumberWord } from '../../agent/numbers/words.ts';
import { settleCommas } from './commas.ts';
import { evaluate } from './evaluate.ts';
import { formatValue } from './format.ts';
import { functionNamed } from './functions.ts';
import { refuseSides } from './nodes.ts';
import { parse } from './parser.ts';
import { prefixAt } from './phrases.ts';
import { piecesOf } from './pieces.ts';
import { unknownsOf } from './polynomial.ts';
import { Refusal, UnitsDiffer, unknownName, unsaid } from './refusal.ts';
import { numberWords, sidesOf } from './sides.ts';
import { solve } from './solve.ts';
import { plainSpelling } from './spelling.ts';
import type { Letters } from './tokens.ts';
import { bare, type Node, written } from './tree.ts';
import { compare, isExact, subtract, toFloat, type Value } from './value.ts';

export interface ExpressionLimits {
  /** Longest expression, in UTF-16 units. */
  readonly maxLength: number;
  /** Deepest nesting of brackets. */
  readonly maxDepth: number;
  /** Most digits of a whole number; a larger result is refused. */
  readonly maxDigits: number;
  /** Largest absolute value of the result, where there is one. */
  readonly maxValue?: number | undefined;
  /** Significant digits of results that are not whole. */
  readonly digits: number;
}

/** A value as text, with what was computed where that is not what was written; or what is wrong. */
export type Evaluated =
  | { readonly text: string; readonly computed: string | null }
  | { readonly problem: string };

/** The value of an expression, or what is wrong with it. What has two readings is refused with both named. */
export function evaluateExpression(text: string, limits: ExpressionLimits): Evaluated {
  try {
    if (text.length > limits.maxLength) {
      throw new Refusal(`the expression is longer than ${limits.maxLength} characters.`);
    }
    const { value, computed } = reading(plainSpelling(text), limits);
    return { text: bounded(value, limits), computed };
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.message };
    throw error;
  }
}

function bounded(value: Value, { maxDigits, maxValue, digits }: ExpressionLimits): string {
  const size = Math.abs(toFloat(value));
  const isLong =
    isExact(value) && value.d === 1n
      ? String(value.n).replace('-', '').length > maxDigits
      : size >= 10 ** maxDigits;
  if (isLong || size > (maxValue ?? Infinity)) throw new Refusal('the result is too large.');
  if (size === 0 && isExact(value) && value.n !== 0n) throw new Refusal('the result is too small.');
  return formatValue(value, digits);
}

interface Reading {
  readonly value: Value;
  readonly computed: string | null;
  /** Whether the other sides say the same. */
  readonly holds: boolean;
}

/**
 * Letters are signs and units first. Where an equation does not hold so, they are its unknown: `3 x 4 = 12`,
 * `2x = 10`.
 */
function reading(text: string, limits: ExpressionLimits): Reading {
  const sides = sidesOf(text);
  const as = (letters: Letters) => attempt(() => readSides(sides, { letters, limits }));
  const first = as('signs');
  if (sides.length < 2 || first instanceof UnitsDiffer || (!(first instanceof Refusal) && first.holds))
    return resolved(first);
  const second = as('unknowns');
  if (second instanceof Refusal) return resolved(first);
  if (first instanceof Refusal || second.holds) return second;
  return first;
}

function attempt<T>(read: () => T): T | Refusal {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

function resolved<T>(found: T | Refusal): T {
  if (found instanceof Refusal) throw found;
  return found;
}

interface Side {
  readonly text: string;
  readonly node: Node;
  readonly assumed: boolean;
  readonly unknowns: ReadonlySet<string>;
}

interface Options {
  readonly letters: Letters;
  readonly limits: ExpressionLimits;
}

function readSides(texts: readonly string[], { letters, limits }: Options): Reading {
  const found = texts.map((text) => ({ text, side: attempt(() => readSide(text, { letters, limits })) }));
  const names = found.map(({ side }) => (side instanceof Refusal ? null : nameOf(side)));
  const formulas = found.map(({ side }) => !(side instanceof Refusal) && side.unknowns.size > 0);
  // `area = length * width = 5 * 3`: a name, a formula, and what is computed.
  const isChain =
    found.length > 2 &&
    (names[0] !== null || isLabel(texts[0] ?? '')) &&
    found.some(({ side }) => !(side instanceof Refusal) && isComputable(side));
  const others = (at: number) => found.filter((_, i) => i !== at).map(({ side }) => side);
  const sides = found.flatMap(({ text, side }, at): Side[] => {
    if (isChain && (formulas[at] || at === 0)) return [];
    // What a result is called says nothing: `x = 5 + 3`, `total cost = 5 + 3`.
    if (found.length > 1) {
      const saysNothing = side instanceof Refusal || (!isComputable(side) && !isOfLetters(text, side));
      if (names[at] === null && saysNothing && isLabel(text)) return [];
      const name = names[at];
      if (
        name !== null &&
        name !== undefined &&
        !others(at).some((other) => !(other instanceof Refusal) && other.unknowns.has(name))
      )
        return [];
    }
    return [resolved(side)];
  });
  if (sides.length < found.length && sides.every(({ node }) => bare(node).kind === 'number')) {
    const isKept = (text: string) => sides.some((side) => side.text === text);
    const said = texts.find(
      (text) => !isKept(text) && isLabel(text) && isOperation(text) && OF_NUMBERS.test(text),
    );
    if (said !== undefined) throw unsaid(said);
  }
  const isNamed = sides.length < found.length && isLabel(texts[0] ?? '');
  if (sides.length === 0) {
    throw (
      found.map(({ side }) => side).find((side) => side instanceof Refusal) ?? unknownName(texts[0] ?? '')
    );
  }
  const unknowns = new Set(sides.flatMap((side) => [...side.unknowns]));
  return unknowns.size === 0 ? computed(sides, isNamed) : solved(sides, [...unknowns], limits);
}

/** `total cost`, `x`, `area_1`, `f(x)`; not `x - 7`, which is to be solved, nor `sqrt(x)`. */
function isLabel(text: string): boolean {
  const [, called] = /^(\p{L}+)(?: ?\(| (?=\p{L}$))/u.exec(text) ?? [];
  if (called !== undefined && functionNamed(called) !== null) return false;
  return (
    LABEL.test(text) && !/^[xX] ?\d|(?<![\p{L}\d_])\p{L}\)? ?-| - ?(?:\d|\(?\p{L}(?![\p{L}\d_]))/u.test(text)
  );
}

/** `the sum of x and 5` */
function isOfLetters(text: string, { unknowns }: Side): boolean {
  return isOperation(text) && [...unknowns].every((name) => name.length === 1);
}

/** Whether a name begins as something that is to be computed. */
function isOperation(text: string): boolean {
  const [word = ''] = /^\p{L}+/u.exec(text) ?? [];
  return prefixAt(text, 0) !== null || isNumberWord(word.toLowerCase()) || /^(?:the )?total of/i.test(text);
}

/** What is counted but not said: `sum of 3 numbers`, `average of five scores`. */
const OF_NUMBERS = new RegExp(String.raw`\d|\b(?:a|an|some|${numberWords()}|numbers?|integers?)\b`, 'i');

/** A name of a few words, with what it is counted in: `total cost (in $)`, `% change`, `∠A`, `E[X]`. */
const LABEL =
  /^(?:% |m?∠)?(?!.*\b(?:plus|minus|times|divided|multiplied|percent|what|which)\b)\p{L}[\p{L}\d_ '’()-]*(?:\[\p{L}+\]|\((?:in )?[\p{Sc}%]\))?$/iu;

function isComputable({ node, unknowns }: Side): boolean {
  return unknowns.size === 0 && !(attempt(() => evaluate(node)) instanceof Refusal);
}

function nameOf({ node }: Side): string | null {
  const inner = bare(node);
  return inner.kind === 'unknown' ? inner.name : null;
}

function readSide(text: string, { letters, limits }: Options): Side {
  const pieces = piecesOf(text, { letters, maxDepth: limits.maxDepth });
  const { node, assumed } = parse(settleCommas(pieces.tokens));
  return { text, node, assumed: assumed || pieces.assumed, unknowns: unknownsOf(node) };
}

/** The first side that is more than a number is computed; the others say what it should give. */
function computed(sides: readonly Side[], isNamed: boolean): Reading {
  const side = sides.find(({ node }) => bare(node).kind !== 'number') ?? (sides[0] as Side);
  const value = evaluate(side.node);
  const text = written(side.node);
  const wrong = sides.find((other) => other !== side && !agree(value, other));
  const isLiteral = plain(text) === plain(side.text.replaceAll('÷', '/'));
  if (wrong !== undefined) {
    refuseSides(side.node, wrong.node);
    return { value, holds: false, computed: `computed as ${text}, which is not ${written(wrong.node)}` };
  }
  const isTold = isNamed || (side.assumed && !isLiteral);
  return { value, holds: true, computed: isTold ? `computed as ${text}` : null };
}

function plain(text: string): string {
  return text.replace(/\s+/g, '');
}

/** Whether a side says the value, or that value rounded or cut to its decimals. */
function agree(value: Value, { node }: Side): boolean {
  const said = evaluate(node);
  if (compare(value, said) === 0) return true;
  const literal = bare(node);
  const decimals = literal.kind === 'number' ? (/\.(\d+)$/.exec(literal.text)?.[1]?.length ?? 0) : 0;
  const difference = Math.abs(toFloat(subtract(value, said)));
  return difference < (decimals > 0 ? 10 ** -decimals : 1e-9 * Math.max(1, Math.abs(toFloat(value))));
}

function solved(sides: readonly Side[], unknowns: readonly string[], { digits }: ExpressionLimits): Reading {
  const [left, right, ...more] = sides;
  const [name = '', other] = unknowns;
  if (left === undefined || right === undefined) throw unknownName(name);
  if (other !== undefined)
    throw new Refusal(`there are two unknowns, ${name} and ${other}: one equation in one is solved.`);
  if (more.length > 0) throw new Refusal('one equation is solved, with one sign of equality.');
  const value = solve(left.node, right.node, (root) => formatValue(root, digits));
  const text = `${written(left.node)} = ${written(right.node)}`;
  return { value, holds: true, computed: name === '?' ? `solves ${text}` : `${name}, which solves ${text}` };
}
