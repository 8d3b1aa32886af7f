/** What the measures of alarms can be, and conditions that they can never meet. */
import { type Comparison, comparisonsIn, type Operator } from './where.ts';

interface Range {
  readonly min: number;
  readonly max: number;
  /** As a message says it. */
  readonly says: string;
}

const SHARE: Range = { min: 0, max: 1, says: 'a share, from 0 to 1' };
const UNBOUNDED: Range = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY, says: 'any number' };
const ABOVE_ZERO: Range = { ...UNBOUNDED, min: 0, says: 'never below 0' };
const LOGPROB: Range = { ...UNBOUNDED, max: 0, says: 'a logprob, never above 0' };

/** Measures of updates that can be any number: what a reward model gives, and the objective. */
const ANY = new Set(['meanReward', 'loss']);

function rangeOf([group = '', name = '']: readonly string[]): Range {
  if (group === 'share' || name === 'clippedShare') return SHARE;
  if (group === 'lag') return { ...ABOVE_ZERO, says: 'a number of records, never below 0' };
  if (name === 'meanLogprob') return LOGPROB;
  return ANY.has(name) ? UNBOUNDED : ABOVE_ZERO;
}

/** What a condition asks of one measure: between two numbers, ends included or not. */
interface Interval {
  readonly min: number;
  readonly max: number;
  readonly openMin: boolean;
  readonly openMax: boolean;
}

/**
 * Why a condition that can be parsed, or a part of it between two `or`, is never met; null where it can be. It
 * looks at each measure by itself.
 */
export function neverMet(when: string): string | null {
  for (const all of comparisonsIn(when, undefined, 'when')) {
    const names = [...new Set(all.map(({ path }) => path.join('.')))];
    for (const name of names) {
      const asked = all.filter(({ path }) => path.join('.') === name);
      if (!isEmpty(asked)) continue;
      const range = rangeOf(asked[0]?.path ?? []);
      const text = asked.map(({ operator, value }) => `${operator} ${value}`).join(' and ');
      const alone = asked.find((one) => isEmpty([one]));
      const column = (alone ?? asked[0])?.column;
      return alone === undefined
        ? `when ${JSON.stringify(when)}: at column ${column}, \`${name}\` is never ${text} at once`
        : `when ${JSON.stringify(when)}: at column ${column}, \`${name}\` is ${range.says}: it is never ${alone.operator} ${alone.value}`;
    }
  }
  return null;
}

/** Whether no number within the range of the measure meets all of these comparisons, which are of one measure. */
function isEmpty(asked: readonly Comparison[]): boolean {
  const range = rangeOf(asked[0]?.path ?? []);
  let left: Interval = { ...range, openMin: false, openMax: false };
  const not: number[] = [];
  for (const { operator, value } of asked) {
    // A measure that is not known makes no alarm: null is never met, and what is not null always.
    if (value === null) {
      if (operator === '==') return true;
    } else if (typeof value !== 'number') return false;
    else if (operator === '!=') not.push(value);
    else left = narrowed(left, operator, value);
  }
  const { min, max, openMin, openMax } = left;
  if (min < max) return false;
  return min > max || openMin || openMax || not.includes(min);
}

function narrowed(from: Interval, operator: Operator, value: number): Interval {
  let { min, max, openMin, openMax } = from;
  if (operator !== '<' && operator !== '<=' && (value > min || (value === min && operator === '>'))) {
    [min, openMin] = [value, operator === '>'];
  }
  if (operator !== '>' && operator !== '>=' && (value < max || (value === max && operator === '<'))) {
    [max, openMax] = [value, operator === '<'];
  }
  return { min, max, openMin, openMax };
}
