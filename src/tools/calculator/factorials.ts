/** Quotients of factorials that are too long by themselves: `1000!/999!`, `1000!/(3! * 997!)`. */
import { bare, type Node } from './tree.ts';
import { asWhole, divide, multiply, type Value, whole } from './value.ts';
import { falling } from './whole-numbers.ts';

/** Factorials up to this one are no longer than numbers may be. */
const SHORT = 900n;

interface Factors {
  /** Of what there are factorials, the largest first. */
  readonly factorials: readonly bigint[];
  readonly others: readonly Value[];
}

/** The quotient, by what is left of the factorials over and under it; null where there is no long one in both. */
export function ofFactorials(
  { left, right }: { readonly left: Node; readonly right: Node },
  evaluate: (node: Node) => Value,
): Value | null {
  if (!hasFactorial(left) || !hasFactorial(right)) return null;
  const [over, under] = [factorsOf(left, evaluate), factorsOf(right, evaluate)];
  if (![over, under].every(({ factorials: [first = 0n] }) => first > SHORT)) return null;
  const product = (values: readonly Value[]) => values.reduce(multiply, whole(1));
  let value = divide(product(over.others), product(under.others));
  const counts = Math.max(over.factorials.length, under.factorials.length);
  for (let at = 0; at < counts; at++) {
    const [n, m] = [over.factorials[at] ?? 0n, under.factorials[at] ?? 0n];
    if (n > m) value = multiply(value, whole(falling(n, n - m)));
    else if (m > n) value = divide(value, whole(falling(m, m - n)));
  }
  return value;
}

/** Whether it is a product with a factorial among its factors. */
function hasFactorial(node: Node): boolean {
  const inner = bare(node);
  if (inner.kind === 'binary' && inner.operator === '*') {
    return hasFactorial(inner.left) || hasFactorial(inner.right);
  }
  return inner.kind === 'factorial';
}

function factorsOf(node: Node, evaluate: (node: Node) => Value): Factors {
  const inner = bare(node);
  if (inner.kind === 'binary' && inner.operator === '*') {
    const [a, b] = [factorsOf(inner.left, evaluate), factorsOf(inner.right, evaluate)];
    const factorials = [...a.factorials, ...b.factorials].sort((x, y) => (x < y ? 1 : -1));
    return { factorials, others: [...a.others, ...b.others] };
  }
  const n = inner.kind === 'factorial' ? asWhole(evaluate(inner.of)) : null;
  return n === null || n < 0n
    ? { factorials: [], others: [evaluate(inner)] }
    : { factorials: [n], others: [] };
}
