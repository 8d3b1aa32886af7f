/**
 * Exact fractions, so that numbers are compared by value: 1/3 is not 0.3333, and neighbors of 20 digits
 * differ.
 */

/** `n / d`, with `d` above 0. */
export interface Rational {
  readonly n: bigint;
  readonly d: bigint;
}

/**
 * A decimal of digits before and after its point, times a power of ten. The caller bounds digits and
 * exponent.
 */
export function decimal(whole: string, fraction = '', exponent = 0): Rational {
  const n = BigInt(`${whole}${fraction}` || '0');
  const shift = exponent - fraction.length;
  return shift >= 0 ? { n: n * 10n ** BigInt(shift), d: 1n } : { n, d: 10n ** BigInt(-shift) };
}

export function plus(a: Rational, b: Rational): Rational {
  return { n: a.n * b.d + b.n * a.d, d: a.d * b.d };
}

export function times(a: Rational, b: Rational): Rational {
  return { n: a.n * b.n, d: a.d * b.d };
}

/** Null where `b` is 0. */
export function over(a: Rational, b: Rational): Rational | null {
  if (b.n === 0n) return null;
  return b.n > 0n ? { n: a.n * b.d, d: a.d * b.n } : { n: -a.n * b.d, d: a.d * -b.n };
}

export function negative({ n, d }: Rational): Rational {
  return { n: -n, d };
}

/** A whole power; null for 0 to a negative one. The caller bounds the exponent. */
export function power(base: Rational, exponent: number): Rational | null {
  const by = BigInt(Math.abs(exponent));
  const raised = { n: base.n ** by, d: base.d ** by };
  return exponent >= 0 ? raised : over({ n: 1n, d: 1n }, raised);
}

export function isWhole({ n, d }: Rational): boolean {
  return n % d === 0n;
}

/** `|a - b| <= limit`. */
export function within(a: Rational, b: Rational, limit: Rational): boolean {
  const difference = plus(a, negative(b));
  return magnitude(difference.n) * limit.d <= limit.n * difference.d;
}

export function absolute({ n, d }: Rational): Rational {
  return { n: magnitude(n), d };
}

/** The nearest float64; infinite where there is none. */
export function toNumber({ n, d }: Rational): number {
  const zeros = /^10*$/.exec(String(d));
  return zeros ? Number(`${n}e-${zeros[0].length - 1}`) : Number(n) / Number(d);
}

function magnitude(n: bigint): bigint {
  return n < 0n ? -n : n;
}
