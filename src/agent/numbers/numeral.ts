/** What is read of a number before its sign and unit are known. */
import type { Rational } from './rational.ts';

export interface Numeral {
  readonly value: Rational;
  /** Significant digits, and digits after the point, where it is a plain decimal; 0 for anything else. */
  readonly digits: number;
  readonly decimals: number;
}

export interface Read {
  readonly numeral: Numeral;
  /** The text after it. */
  readonly rest: string;
}

/** A number that is not written as a plain decimal. */
export function numeral(value: Rational): Numeral {
  return { value, digits: 0, decimals: 0 };
}
