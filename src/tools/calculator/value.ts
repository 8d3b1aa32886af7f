/**
 * What the calculator calculates with: exact fractions as long as they are of bounded size, and float64
 * where there is no fraction (roots, logarithms) or it has grown too long.
 */
import { negative, plus, type Rational, times } from '../../agent/numbers/rational.ts';
import { Refusal } from './refusal.ts';

export type Value = Rational | number;

/**
 * Numerator and denominator together; about 2,400 digits. It bounds the time of one operation to a few
 * milliseconds.
 */
export const EXACT_BITS = 8192;

export function whole(n: bigint | number): Rational {
  return { n: BigInt(n), d: 1n };
}

export function isExact(value: Value): value is Rational {
  return typeof value !== 'number';
}

/** The whole number that a value is; null where it is none. */
export function asWhole(value: Value): bigint | null {
  return isExact(value) && value.d === 1n ? value.n : null;
}

export function bitsOf(n: bigint): number {
  return (n < 0n ? -n : n).toString(16).length * 4;
}

function divisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** A fraction in lowest terms, or float64 where it is too long for exactness. */
export function settle({ n, d }: Rational): Value {
  let reduced = { n, d };
  if (d !== 1n) {
    const shared = divisor(n, d);
    if (shared > 1n) reduced = { n: n / shared, d: d / shared };
  }
  if (bitsOf(reduced.n) + bitsOf(reduced.d) <= EXACT_BITS) return reduced;
  const float = finite(toFloat(reduced));
  if (float === 0) throw new Refusal('the result is too small.');
  return float;
}

/** The nearest float64, whatever the lengths of the two; infinite where there is none. */
export function toFloat(value: Value): number {
  if (!isExact(value)) return value;
  const { n, d } = value;
  if (d === 1n) return Number(n);
  const shift = 66 - (bitsOf(n) - bitsOf(d));
  const quotient = shift >= 0 ? (n << BigInt(shift)) / d : n / (d << BigInt(-shift));
  // In two factors, as 2 ** -1100 is 0.
  const half = Math.trunc(shift / 2);
  return Number(quotient) * 2 ** -half * 2 ** (half - shift);
}

/** A float64 that is a real number. */
export function finite(value: number): number {
  if (Number.isNaN(value)) throw new Refusal('the result is not a real number.');
  if (!Number.isFinite(value)) throw new Refusal('the result is too large.');
  return value === 0 ? 0 : value;
}

type Pair = readonly [exact: (a: Rational, b: Rational) => Rational, float: (a: number, b: number) => number];

function both(a: Value, b: Value, [exact, float]: Pair): Value {
  return isExact(a) && isExact(b) ? settle(exact(a, b)) : finite(float(toFloat(a), toFloat(b)));
}

export const add = (a: Value, b: Value) => both(a, b, [plus, (x, y) => x + y]);
export const subtract = (a: Value, b: Value) => both(a, b, [(x, y) => plus(x, negative(y)), (x, y) => x - y]);
export const multiply = (a: Value, b: Value) => both(a, b, [times, (x, y) => x * y]);

export function divide(a: Value, b: Value): Value {
  if (sign(b) === 0) throw new Refusal('division by zero.');
  return both(a, b, [({ n, d }, by) => times({ n, d }, inverse(by)), (x, y) => x / y]);
}

function inverse({ n, d }: Rational): Rational {
  return n < 0n ? { n: -d, d: -n } : { n: d, d: n };
}

export function negate(value: Value): Value {
  return isExact(value) ? { n: -value.n, d: value.d } : finite(-value);
}

export function sign(value: Value): number {
  if (!isExact(value)) return Math.sign(value);
  return value.n === 0n ? 0 : value.n < 0n ? -1 : 1;
}

export function compare(a: Value, b: Value): number {
  return isExact(a) && isExact(b) ? sign({ n: a.n * b.d - b.n * a.d, d: 1n }) : toFloat(a) - toFloat(b);
}

/** Floats this near to a whole number, relatively, are that number: roots and logarithms end a little beside. */
const BESIDE = 1e-12;

/** The largest whole number that is not above a value. */
export function floor(value: Value): Value {
  if (!isExact(value)) {
    const nearest = Math.round(value);
    const beside = Math.abs(value - nearest) <= BESIDE * Math.max(1, Math.abs(value));
    return whole(beside ? nearest : Math.floor(value));
  }
  const { n, d } = value;
  const quotient = n / d;
  return whole(n < 0n && quotient * d !== n ? quotient - 1n : quotient);
}

/** The quotient rounded down, and what is left, which has the divisor's sign. */
export function floorDivide(a: Value, b: Value): Value {
  return floor(divide(a, b));
}

export function remainder(a: Value, b: Value): Value {
  return subtract(a, multiply(b, floorDivide(a, b)));
}
