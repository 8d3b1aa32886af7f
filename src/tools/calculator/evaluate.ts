/** The value of an expression's tree. */

import { ofFactorials } from './factorials.ts';
import { CONSTANTS, FUNCTIONS, rangeOf } from './functions.ts';
import { power } from './power.ts';
import { Refusal, unknownName } from './refusal.ts';
import { bare, type Node, written } from './tree.ts';
import {
  add,
  compare,
  divide,
  floorDivide,
  multiply,
  negate,
  remainder,
  sign,
  subtract,
  toFloat,
  type Value,
  whole,
} from './value.ts';
import { factorial } from './whole-numbers.ts';

export function evaluate(node: Node): Value {
  switch (node.kind) {
    case 'number':
      return node.value;
    case 'constant':
      return CONSTANTS.get(node.name) as number;
    case 'unknown':
      throw unknownName(node.name);
    case 'group':
    case 'unit':
    case 'degrees':
      return evaluate(node.of);
    case 'negative':
      return negate(evaluate(node.of));
    case 'factorial':
      return factorial(evaluate(node.of));
    case 'percent':
      return divide(evaluate(node.of), whole(100));
    case 'call':
      return called(node.name, node.args);
    case 'binary': {
      const quotient = node.operator === '/' ? ofFactorials(node, evaluate) : null;
      if (quotient !== null) return quotient;
      const [a, b] = [evaluate(node.left), evaluate(node.right)];
      switch (node.operator) {
        case '+':
        case '-':
          refusePercent(node, a, b);
          return node.operator === '+' ? add(a, b) : subtract(a, b);
        case '*':
          return multiply(a, b);
        case '/':
          return divide(a, b);
        case '//':
          return floorDivide(a, b);
        case 'mod':
          return remainder(a, b);
        case '^':
          return power(a, b);
      }
    }
  }
}

function called(name: string, args: readonly Node[]): Value {
  const found = FUNCTIONS.get(name);
  if (found === undefined) throw unknownName(name);
  if (found.most === Infinity) {
    const values = args.flatMap((arg) => valuesOf(arg));
    if (values.length < found.least) throw new Refusal(`${name} is of one number at least.`);
    return found.apply(...values);
  }
  if (found.ofAngle !== true) return found.apply(...args.map(evaluate));
  const [angle] = args as [Node];
  const value = evaluate(angle);
  if (!isInDegrees(angle)) return found.apply(value);
  return found.apply((toFloat(remainder(value, whole(360))) / 180) * Math.PI);
}

/** Of a range its numbers, of all else the value. */
function valuesOf(node: Node): Value[] {
  const inner = bare(node);
  return inner.kind === 'call' && inner.name === 'range'
    ? rangeOf(inner.args.map(evaluate))
    : [evaluate(node)];
}

function isInDegrees(node: Node): boolean {
  if (node.kind === 'binary') return isInDegrees(node.left) || isInDegrees(node.right);
  if (node.kind === 'degrees') return true;
  return node.kind === 'group' || node.kind === 'negative' ? isInDegrees(node.of) : false;
}

/** 200 + 10% means 220 to some and 200.1 to others; 1 - 20% and 50% + 20% mean one thing. */
function refusePercent(node: Node & { kind: 'binary' }, a: Value, b: Value): void {
  if (!isPercentAlone(node) || compare(a, whole(1)) === 0 || sign(b) === 0) return;
  throw ofWhat(node);
}

/** Whether a percentage is added to, or taken from, what is none. */
export function isPercentAlone(node: Node & { kind: 'binary' }): boolean {
  return isPercent(node.right) && !isPercent(node.left);
}

export function ofWhat(node: Node & { kind: 'binary' }): Refusal {
  const [left, right] = [written(node.left).slice(0, 24), written(node.right).slice(0, 24)];
  return new Refusal(
    `write what the percentage is taken of, as in 200 * 10%: ${left} ${node.operator} ${left} * ${right} or ${left} ${node.operator} ${right} of 1.`,
  );
}

/** A percentage, or percentages added up. */
function isPercent(node: Node): boolean {
  const inner = bare(node);
  if (inner.kind === 'percent') return true;
  if (inner.kind !== 'binary' || (inner.operator !== '+' && inner.operator !== '-')) return false;
  return isPercent(inner.left) && isPercent(inner.right);
}
