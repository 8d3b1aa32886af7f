/** The pieces of an expression. */
import type { Rational } from '../../agent/numbers/rational.ts';
import type { Phrase } from './phrases.ts';
import type { Unit } from './units.ts';

/** How letters are read that are two things: as multiplication signs, units and multipliers, or as unknowns. */
export type Letters = 'signs' | 'unknowns';

interface Place {
  /** As it is written. */
  readonly text: string;
  /** Whether a blank is before it, and whether a line begins with it. */
  readonly spaced: boolean;
  readonly line: boolean;
}

export type Piece =
  | {
      readonly kind: 'number';
      readonly value: Rational;
      readonly said: string;
      readonly plain: boolean;
      readonly money?: boolean;
    }
  | { readonly kind: 'operator'; readonly name: string }
  | { readonly kind: 'open'; readonly closes: string; readonly call: boolean }
  | { readonly kind: 'close' }
  /** `tight`: digits are on both sides, and after it exactly three. */
  | { readonly kind: 'comma'; readonly tight: boolean }
  /** `power`: `sin²(30°)`. */
  | { readonly kind: 'function'; readonly name: string; readonly power?: bigint }
  | { readonly kind: 'constant' | 'name'; readonly name: string }
  | { readonly kind: 'unit'; readonly unit: Unit | null }
  | { readonly kind: 'prefix'; readonly phrase: Phrase }
  | { readonly kind: 'factorial' | 'percent' | 'percentWord' | 'degrees' | 'cents' }
  | { readonly kind: 'bar'; readonly opens: boolean };

export type Token = Piece & Place;

/** Words between the things that a function in words takes: `the sum of 3 and 4`. */
const JOINING = /^(?:and|to|by|from)$/i;

export function isJoining(word: string): boolean {
  return JOINING.test(word);
}

/** Whether an operand can end with it. */
export function endsOperand(token: Token | undefined): boolean {
  switch (token?.kind) {
    case 'name':
      return !isJoining(token.name);
    case 'operator':
      return /^(?:squar|cub)ed$/.test(token.name);
    case 'number':
    case 'close':
    case 'constant':
    case 'unit':
    case 'factorial':
    case 'percent':
    case 'percentWord':
    case 'degrees':
    case 'cents':
      return true;
    case 'bar':
      return !token.opens;
    default:
      return false;
  }
}

/** Whether it divides as within a fraction: `1/4`. */
export function isTightDivision(token: Token | undefined): boolean {
  return token?.kind === 'operator' && token.text === '/' && !token.spaced;
}

/** Whether an operand can begin with it; signs apart. */
export function startsOperand(token: Token | undefined): boolean {
  switch (token?.kind) {
    case 'number':
    case 'open':
    case 'function':
    case 'constant':
    case 'prefix':
      return true;
    case 'name':
      return !isJoining(token.name);
    case 'bar':
      return token.opens;
    default:
      return false;
  }
}
