/** What an expression says, as a tree, and the tree as text. */
import type { Rational } from '../../agent/numbers/rational.ts';
import type { Unit } from './units.ts';

export type Operator = '+' | '-' | '*' | '/' | '//' | 'mod' | '^';

export type Node =
  /** `money`: a dollar sign stands with it. */
  | { readonly kind: 'number'; readonly value: Rational; readonly text: string; readonly money?: boolean }
  | { readonly kind: 'constant'; readonly name: string }
  | { readonly kind: 'unknown'; readonly name: string }
  | { readonly kind: 'negative' | 'factorial' | 'percent' | 'degrees' | 'group'; readonly of: Node }
  | { readonly kind: 'unit'; readonly of: Node; readonly unit: Unit | null }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] };

/** How tightly each holds its parts; what holds less tightly is put in parentheses. */
const TIGHTNESS: Readonly<Record<Operator, number>> = {
  '+': 1,
  '-': 1,
  '*': 2,
  '/': 2,
  '//': 2,
  mod: 2,
  '^': 4,
};
const UNARY = 3;
const POSTFIX = 5;
const ATOM = 6;

/** The expression that was computed, in the calculator's own spelling. */
export function written(node: Node): string {
  switch (node.kind) {
    case 'number':
      return node.text;
    case 'constant':
    case 'unknown':
      return node.name;
    case 'group':
    case 'unit':
      return written(node.of);
    case 'negative':
      return `-${held(node.of, UNARY)}`;
    case 'factorial':
      return `${held(node.of, POSTFIX + 1)}!`;
    case 'percent':
      return `${held(node.of, POSTFIX)}%`;
    case 'degrees':
      return `${held(node.of, POSTFIX)}°`;
    case 'call':
      return `${node.name}(${node.args.map(written).join(', ')})`;
    case 'binary': {
      const { operator, left, right } = node;
      const own = TIGHTNESS[operator];
      if (operator === '^') return `${held(left, own + 1)}^${held(right, UNARY)}`;
      return `${held(left, own)} ${operator} ${held(right, own + 1)}`;
    }
  }
}

function held(node: Node, least: number): string {
  const text = written(node);
  return tightness(node) < least ? `(${text})` : text;
}

function tightness(node: Node): number {
  switch (node.kind) {
    case 'group':
    case 'unit':
      return tightness(node.of);
    case 'binary':
      return TIGHTNESS[node.operator];
    case 'negative':
      return UNARY;
    case 'factorial':
    case 'percent':
    case 'degrees':
      return POSTFIX;
    case 'number':
      return /^\d+ \+ /.test(node.text) ? TIGHTNESS['+'] : node.text.includes('/') ? TIGHTNESS['/'] : ATOM;
    default:
      return ATOM;
  }
}

/** Without parentheses and units around it. */
export function bare(node: Node): Node {
  return node.kind === 'group' || node.kind === 'unit' ? bare(node.of) : node;
}
