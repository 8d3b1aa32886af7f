/** Functions of whole numbers: factorials, binomials, divisors. Their cost is bounded by the size of results. */
import { Refusal } from './refusal.ts';
import { asWhole, bitsOf, EXACT_BITS, settle, type Value, whole } from './value.ts';

function wholeOf(value: Value, message: string): bigint {
  const n = asWhole(value);
  if (n === null) throw new Refusal(message);
  return n;
}

/** n (n - 1) ... down to `count` factors; stops as soon as the product is too long. */
export function falling(n: bigint, count: bigint): bigint {
  let product = 1n;
  for (let i = 0n; i < count; i++) {
    product *= n - i;
    if (bitsOf(product) > EXACT_BITS) throw new Refusal('the result is too large.');
  }
  return product;
}

export function factorial(value: Value): Value {
  const n = wholeOf(value, 'a factorial is of a whole number from 0.');
  if (n < 0n) throw new Refusal('a factorial is of a whole number from 0.');
  return whole(falling(n, n - 1n));
}

const CHOICES = 'choices are of whole numbers from 0.';

/** In how many ways so many of n are chosen. */
export function binomial(of: Value, chosen: Value): Value {
  const [n, k] = [wholeOf(of, CHOICES), wholeOf(chosen, CHOICES)];
  if (n < 0n || k < 0n) throw new Refusal(CHOICES);
  if (k > n) return whole(0);
  const count = k < n - k ? k : n - k; // Math.min takes no bigint.
  return settle({ n: falling(n, count), d: falling(count, count - 1n) });
}

/** In how many orders so many of n are chosen. */
export function permutations(of: Value, chosen: Value): Value {
  const [n, k] = [wholeOf(of, CHOICES), wholeOf(chosen, CHOICES)];
  if (n < 0n || k < 0n) throw new Refusal(CHOICES);
  return k > n ? whole(0) : whole(falling(n, k));
}

function divisorOf(x: Value, y: Value): bigint {
  let [a, b] = [x, y].map((value) => wholeOf(value, 'gcd and lcm are of whole numbers.')) as [bigint, bigint];
  while (b !== 0n) [a, b] = [b, a % b];
  return a < 0n ? -a : a;
}

export function greatestDivisor(...values: Value[]): Value {
  return whole(values.reduce<bigint>((x, y) => divisorOf(whole(x), y), 0n));
}

export function leastMultiple(...values: Value[]): Value {
  return values.reduce((x, y) => {
    const divisor = divisorOf(x, y);
    if (divisor === 0n) return whole(0);
    const product = ((asWhole(x) ?? 0n) / divisor) * (asWhole(y) ?? 0n);
    return settle({ n: product < 0n ? -product : product, d: 1n });
  }, whole(1));
}
