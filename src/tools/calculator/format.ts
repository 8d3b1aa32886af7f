/** Values as text. */
import { floor, isExact, toFloat, type Value } from './value.ts';

/**
 * Whole numbers in full; others to this many significant digits, without trailing zeros (0.1 + 0.2 is 0.3).
 */
export function formatValue(value: Value, digits: number): string {
  if (!isExact(value)) return formatNumber(value, digits);
  if (value.d === 1n) return String(value.n);
  const float = toFloat(value);
  if (Math.abs(float) < 10 ** digits) return String(Number(float.toPrecision(digits)));
  const nearest = floor({ n: 2n * value.n + value.d, d: 2n * value.d });
  return isExact(nearest) ? String(nearest.n) : formatNumber(nearest, digits);
}

/** Beyond 10^15 neighbors in float64 are no whole numbers apart that mean anything: an exponent says so. */
const MAX_PLAIN = 1e15;

export function formatNumber(value: number, digits: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 10 ** digits || size > MAX_PLAIN) return String(Number(value.toPrecision(digits)));
  return String(Math.round(value));
}
