/** Powers and roots: exact where the result is a fraction of bounded size. */
import { power as exactPower, type Rational } from '../../agent/numbers/rational.ts';
import { Refusal } from './refusal.ts';
import { bitsOf, EXACT_BITS, finite, isExact, settle, sign, toFloat, type Value, whole } from './value.ts';

/** Roots of a higher degree are found in float64. */
const MAX_DEGREE = 64;

export function power(base: Value, exponent: Value): Value {
  if (sign(base) === 0 && sign(exponent) < 0) throw new Refusal('division by zero.');
  if (!isExact(base) || !isExact(exponent)) return finite(toFloat(base) ** toFloat(exponent));
  const degree = exponent.d <= BigInt(MAX_DEGREE) ? Number(exponent.d) : null;
  const rooted = degree === null || (base.n < 0n && degree > 1) ? null : exactRoot(base, degree);
  return (rooted && wholePower(rooted, exponent.n)) ?? finite(toFloat(base) ** toFloat(exponent));
}

/** Null where the result would be too long: 9^9^9 is not begun. */
function wholePower(base: Rational, exponent: bigint): Value | null {
  if (base.d === 1n && (base.n === 0n || base.n === 1n)) return exponent === 0n ? whole(1) : base;
  if (base.d === 1n && base.n === -1n) return whole(exponent % 2n === 0n ? 1 : -1);
  const size = bitsOf(base.n) + bitsOf(base.d);
  const times = exponent < 0n ? -exponent : exponent;
  if (times > BigInt(EXACT_BITS) || (size - 8) * Number(times) > EXACT_BITS) return null;
  const raised = exactPower(base, Number(exponent));
  return raised && settle(raised);
}

/** The root of a value of 0 or more, or an odd root of any; float64 where it is no fraction. */
export function root(value: Value, degree: number): Value {
  if (sign(value) < 0) {
    if (degree % 2 === 0) throw new Refusal('the result is not a real number.');
    const found = root(isExact(value) ? { n: -value.n, d: value.d } : -value, degree);
    return isExact(found) ? { n: -found.n, d: found.d } : -found;
  }
  const exact = isExact(value) ? exactRoot(value, degree) : null;
  if (exact !== null) return exact;
  const float = toFloat(value);
  return finite(degree === 2 ? Math.sqrt(float) : degree === 3 ? Math.cbrt(float) : float ** (1 / degree));
}

function exactRoot({ n, d }: Rational, degree: number): Rational | null {
  if (degree === 1) return { n, d };
  const [over, under] = [wholeRoot(n, degree), wholeRoot(d, degree)];
  return over === null || under === null ? null : { n: over, d: under };
}

/** By Newton's method from above, which at least halves the distance in bits with each round. */
function wholeRoot(n: bigint, degree: number): bigint | null {
  if (n < 2n) return n;
  const [k, less] = [BigInt(degree), BigInt(degree - 1)];
  let guess = 1n << BigInt(Math.ceil(bitsOf(n) / degree));
  for (;;) {
    const next = (less * guess + n / guess ** less) / k;
    if (next >= guess) return guess ** k === n ? guess : null;
    guess = next;
  }
}
