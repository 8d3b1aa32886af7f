/** One equation in one unknown: the one value that it can have. */
import { product, quotientOf, sum, valueAt } from './polynomial.ts';
import { root } from './power.ts';
import { Refusal } from './refusal.ts';
import type { Node } from './tree.ts';
import { add, divide, multiply, negate, sign, subtract, type Value, whole } from './value.ts';

/** The solution of `left = right`. Refused where there is none, or more than one. `show` writes a value. */
export function solve(left: Node, right: Node, show: (value: Value) => string): Value {
  const [a, b] = [quotientOf(left), quotientOf(right)];
  const over = sum(product(a.over, b.under), product(b.over, a.under).map(negate));
  const under = product(a.under, b.under);
  const found = rootsOf(over).filter((x) => sign(valueAt(under, x)) !== 0);
  const [one, other] = found;
  if (one === undefined) throw new Refusal('no number solves the equation.');
  if (other !== undefined) {
    throw new Refusal(
      `the equation has two solutions, ${show(one)} and ${show(other)}: calculate the one that is meant.`,
    );
  }
  return one;
}

function rootsOf(polynomial: readonly Value[]): Value[] {
  const [c = whole(0), b = whole(0), a = whole(0), ...higher] = polynomial;
  if (higher.length > 0) throw new Refusal('only linear equations are solved.');
  if (sign(a) === 0) {
    if (sign(b) !== 0) return [divide(negate(c), b)];
    if (sign(c) === 0) throw new Refusal('every number solves the equation.');
    return [];
  }
  const discriminant = subtract(multiply(b, b), multiply(whole(4), multiply(a, c)));
  if (sign(discriminant) < 0) return [];
  const [middle, twice] = [negate(b), multiply(whole(2), a)];
  const step = root(discriminant, 2);
  const [high, low] = [divide(add(middle, step), twice), divide(subtract(middle, step), twice)];
  return sign(step) === 0 ? [high] : [high, low];
}
