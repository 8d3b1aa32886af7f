/** Quotients of polynomials in one unknown with exact coefficients: the sides of an equation. */
import { evaluate, isPercentAlone, ofWhat } from './evaluate.ts';
import { Refusal } from './refusal.ts';
import type { Node, Operator } from './tree.ts';
import { add, asWhole, isExact, multiply, negate, sign, type Value, whole } from './value.ts';

/** Coefficients from the constant on. */
export type Polynomial = readonly Value[];

export interface Quotient {
  readonly over: Polynomial;
  readonly under: Polynomial;
}

/** Higher powers are not solved, and not multiplied out. */
const MAX_DEGREE = 8;

const ONE: Polynomial = [whole(1)];

/** Whether it has an unknown in it, and which. */
export function unknownsOf(node: Node, found: Set<string> = new Set()): Set<string> {
  if (node.kind === 'unknown') found.add(node.name);
  else if (node.kind === 'binary') {
    unknownsOf(node.left, found);
    unknownsOf(node.right, found);
  } else if (node.kind === 'call') for (const arg of node.args) unknownsOf(arg, found);
  else if ('of' in node) unknownsOf(node.of, found);
  return found;
}

export function quotientOf(node: Node): Quotient {
  if (unknownsOf(node).size === 0) return { over: [evaluate(node)], under: ONE };
  switch (node.kind) {
    case 'unknown':
      return { over: [whole(0), whole(1)], under: ONE };
    case 'group':
      return quotientOf(node.of);
    case 'negative': {
      const { over, under } = quotientOf(node.of);
      return { over: over.map(negate), under };
    }
    case 'percent': {
      const { over, under } = quotientOf(node.of);
      return { over, under: product(under, [whole(100)]) };
    }
    case 'binary':
      return combined(node);
    case 'call':
      return combined(asBinary(node));
    default:
      throw new Refusal('only linear equations are solved, and no functions of the unknown.');
  }
}

const AS_OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['sum', '+'],
  ['subtract', '-'],
  ['product', '*'],
  ['divide', '/'],
]);

/** `the sum of x and 5` */
function asBinary({ name, args }: Node & { kind: 'call' }): Node & { kind: 'binary' } {
  const operator = AS_OPERATORS.get(name);
  const [left, right, ...more] = args;
  if (operator === undefined || left === undefined || right === undefined)
    throw new Refusal('only linear equations are solved, and no functions of the unknown.');
  const node = { kind: 'binary', operator, left, right } as const;
  return more.length === 0 ? node : asBinary({ kind: 'call', name, args: [node, ...more] });
}

function combined(node: Node & { kind: 'binary' }): Quotient {
  const { operator, left, right } = node;
  const a = quotientOf(left);
  switch (operator) {
    case '+':
    case '-': {
      if (isPercentAlone(node)) throw ofWhat(node);
      const b = quotientOf(right);
      const second = product(b.over, a.under);
      const over = sum(product(a.over, b.under), operator === '+' ? second : second.map(negate));
      return { over, under: product(a.under, b.under) };
    }
    case '*': {
      const b = quotientOf(right);
      return { over: product(a.over, b.over), under: product(a.under, b.under) };
    }
    case '/': {
      const b = quotientOf(right);
      if (b.over.every((value) => sign(value) === 0)) throw new Refusal('division by zero.');
      return { over: product(a.over, b.under), under: product(a.under, b.over) };
    }
    case '^': {
      const times = unknownsOf(right).size === 0 ? asWhole(evaluate(right)) : null;
      if (times === null || times < 0n || times > BigInt(MAX_DEGREE)) {
        throw new Refusal('only linear equations are solved.');
      }
      let power: Quotient = { over: ONE, under: ONE };
      for (let i = 0n; i < times; i++) {
        power = { over: product(power.over, a.over), under: product(power.under, a.under) };
      }
      return power;
    }
    default:
      throw new Refusal('only linear equations are solved.');
  }
}

export function sum(a: Polynomial, b: Polynomial): Polynomial {
  const length = Math.max(a.length, b.length);
  return trimmed(Array.from({ length }, (_, i) => add(a[i] ?? whole(0), b[i] ?? whole(0))));
}

export function product(a: Polynomial, b: Polynomial): Polynomial {
  if (a.length + b.length - 2 > MAX_DEGREE) throw new Refusal('only linear equations are solved.');
  const result: Value[] = Array.from({ length: a.length + b.length - 1 }, () => whole(0));
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      result[i + j] = add(result[i + j] as Value, multiply(x, y));
    });
  });
  return trimmed(result);
}

function trimmed(values: Value[]): Polynomial {
  let length = values.length;
  while (length > 1 && isZero(values[length - 1] as Value)) length--;
  return values.slice(0, length);
}

function isZero(value: Value): boolean {
  return isExact(value) ? value.n === 0n : Math.abs(value) < 1e-12;
}

/** The value at a place. */
export function valueAt(polynomial: Polynomial, x: Value): Value {
  return polynomial.reduceRight<Value>((total, value) => add(multiply(total, x), value), whole(0));
}
