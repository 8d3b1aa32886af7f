/** The functions and constants of the calculator, each of bounded cost, by the names that people write. */
import { power, root } from './power.ts';
import { ambiguous, Refusal } from './refusal.ts';
import {
  add,
  asWhole,
  compare,
  divide,
  finite,
  floor,
  isExact,
  multiply,
  negate,
  remainder,
  sign,
  subtract,
  toFloat,
  type Value,
  whole,
} from './value.ts';
import { binomial, factorial, greatestDivisor, leastMultiple, permutations } from './whole-numbers.ts';

export const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ['pi', Math.PI],
  ['e', Math.E],
]);

export interface Applied {
  readonly least: number;
  readonly most: number;
  /** Whether it takes angles, so that degrees are turned into radians. */
  readonly ofAngle?: true;
  readonly apply: (...values: Value[]) => Value;
}

const one = (apply: (value: Value) => Value): Applied => ({
  least: 1,
  most: 1,
  apply: (value = whole(0)) => apply(value),
});
const two = (apply: (a: Value, b: Value) => Value): Applied => ({
  least: 2,
  most: 2,
  apply: (a = whole(0), b = whole(0)) => apply(a, b),
});
const many = (apply: (...values: Value[]) => Value): Applied => ({ least: 1, most: Infinity, apply });
const float = (apply: (value: number) => number): Applied => one((value) => finite(apply(toFloat(value))));
/** float64 has no exact multiples of pi, and a sine that is 0 ends at some 1e-16. */
const nearZero = (found: number, at: number) => Math.abs(found) < 4e-16 * Math.max(1, Math.abs(at));
/** A quotient of two functions of an angle; where the one below is 0 it has no value. */
const angle = (over: (at: number) => number, under: (at: number) => number = () => 1): Applied => ({
  ...one((value) => {
    const at = toFloat(value);
    const [above, below] = [over(at), under(at)];
    if (nearZero(below, at)) throw new Refusal('division by zero: the function has no value at this angle.');
    return nearZero(above, at) ? 0 : finite(above / below);
  }),
  ofAngle: true,
});

function ceil(value: Value): Value {
  return negate(floor(negate(value)));
}

function truncate(value: Value): Value {
  return sign(value) < 0 ? ceil(value) : floor(value);
}

/** Halves go away from zero, as people round; a float by its decimal notation, as 1.005 is written. */
function round(value: Value, digits: Value = whole(0)): Value {
  const places = asWhole(digits);
  if (places === null || places < 0n || places > 15n) {
    throw new Refusal('round(number, digits) takes 0 to 15 digits.');
  }
  if (!isExact(value) && Math.abs(value) >= 1e15) return value;
  const exact = isExact(value) ? value : decimalOf(value);
  const unit = whole(10n ** places);
  const half = { n: 1n, d: 2n };
  const size = floor(add(multiply(sign(exact) < 0 ? negate(exact) : exact, unit), half));
  return divide(sign(exact) < 0 ? negate(size) : size, unit);
}

/** The decimal that a float64 is written as, to 15 digits. */
function decimalOf(value: number): Value {
  const [mantissa = '0', exponent = '0'] = value.toExponential(14).split('e');
  const n = whole(BigInt(mantissa.replace('.', '')));
  return multiply(n, power(whole(10), whole(BigInt(exponent) - 14n)));
}

function sum(...values: Value[]): Value {
  return values.reduce(add, whole(0));
}

function mean(...values: Value[]): Value {
  return divide(sum(...values), whole(values.length));
}

function median(...values: Value[]): Value {
  const ordered = values.toSorted(compare);
  const [low, high] = [ordered[(ordered.length - 1) >> 1], ordered[ordered.length >> 1]];
  return mean(low as Value, high as Value);
}

/** The logarithm, exact where it is whole. */
function logarithm(value: Value, base: Value): Value {
  if (sign(value) <= 0 || sign(base) <= 0) throw new Refusal('the result is not a real number.');
  const found = Math.log(toFloat(value)) / Math.log(toFloat(base));
  const nearest = Math.round(finite(found));
  if (Math.abs(found - nearest) > 1e-9) return finite(found);
  const raised = power(base, whole(nearest));
  return compare(raised, value) === 0 ? whole(nearest) : finite(found);
}

function log(value: Value, base?: Value): Value {
  if (base === undefined) throw ambiguous('log', 'ln, the natural logarithm,', 'log10');
  return logarithm(value, base);
}

/** In programs `log` of one number is the natural logarithm. */
function programLog(value: Value, base: Value = Math.E): Value {
  return logarithm(value, base);
}

function nthRoot(value: Value, degree: Value): Value {
  const n = asWhole(degree);
  if (n === null || n < 1n || n > 1000n) throw new Refusal('a root is of a degree from 1 to 1000.');
  return root(value, Number(n));
}

/** `log` called as a library's: no name that could be written without one. */
export const PROGRAM_LOG = 'math.log';

/** By the names that people and programs write; letter case does not count. */
const TABLE: readonly (readonly [names: string, Applied])[] = [
  ['abs', one((value) => (sign(value) < 0 ? negate(value) : value))],
  ['sign sgn', one((value) => whole(sign(value)))],
  ['ceil ceiling', one(ceil)],
  ['floor', one(floor)],
  ['int trunc', one(truncate)],
  ['float number decimal print eval calculate calculator calc compute', one((value) => value)],
  ['rational fraction frac', { least: 1, most: 2, apply: rational }],
  ['round', { least: 1, most: 2, apply: (value = whole(0), digits) => round(value, digits) }],
  ['sqrt', one((value) => root(value, 2))],
  ['cbrt', one((value) => root(value, 3))],
  ['root nthroot', two(nthRoot)],
  ['pow power', two(power)],
  ['exp', float(Math.exp)],
  ['ln', one((value) => logarithm(value, Math.E))],
  ['log', { least: 1, most: 2, apply: (value = whole(0), base) => log(value, base) }],
  ['log2', one((value) => logarithm(value, whole(2)))],
  ['log10', one((value) => logarithm(value, whole(10)))],
  ['sin', angle(Math.sin)],
  ['cos', angle(Math.cos)],
  ['tan', angle(Math.sin, Math.cos)],
  ['cot', angle(Math.cos, Math.sin)],
  ['sec', angle(() => 1, Math.cos)],
  ['csc', angle(() => 1, Math.sin)],
  ['sinh', float(Math.sinh)],
  ['cosh', float(Math.cosh)],
  ['tanh', float(Math.tanh)],
  ['atan2', two((y, x) => Math.atan2(toFloat(y), toFloat(x)))],
  [PROGRAM_LOG, { least: 1, most: 2, apply: (value = whole(0), base) => programLog(value, base) }],
  ['asin arcsin', float(Math.asin)],
  ['acos arccos', float(Math.acos)],
  ['atan arctan', float(Math.atan)],
  ['degrees', float((value) => (value / Math.PI) * 180)],
  ['radians', float((value) => (value / 180) * Math.PI)],
  ['factorial', one(factorial)],
  ['binomial binom comb choose ncr combinations combination', two(binomial)],
  ['perm npr permutations permutation', two(permutations)],
  ['gcd gcf hcf', many(greatestDivisor)],
  ['lcm', many(leastMultiple)],
  ['max maximum', many((...values) => values.reduce((a, b) => (compare(a, b) < 0 ? b : a)))],
  ['min minimum', many((...values) => values.reduce((a, b) => (compare(a, b) > 0 ? b : a)))],
  ['sum add', many(sum)],
  ['product prod multiply', many((...values) => values.reduce(multiply))],
  ['subtract difference', two(subtract)],
  ['divide quotient', two(divide)],
  ['mean average avg', many(mean)],
  ['median', many(median)],
  ['mod', two(remainder)],
  ['range', { least: 1, most: 3, apply: refuseRange }],
  ['hypot', two((a, b) => root(add(multiply(a, a), multiply(b, b)), 2))],
];

function rational(over: Value = whole(0), under: Value = whole(1)): Value {
  return divide(over, under);
}

function refuseRange(): never {
  throw new Refusal('a range is of several numbers: write what is made of them, as in sum(range(1, 11)).');
}

/** The most numbers of a range. */
const MAX_RANGE = 10_000n;

/** The whole numbers of Python's `range(5)`, `range(1, 11)` and `range(10, 0, -2)`. */
export function rangeOf(values: readonly Value[]): Value[] {
  const given = values.map((value) => asWhole(value));
  const [first = null, second = null] = given;
  const [from, to, step] = given.length === 1 ? [0n, first, 1n] : [first, second, given[2] ?? 1n];
  if (given.includes(null) || from === null || to === null || step === 0n)
    throw new Refusal('a range is of whole numbers, and its step is not 0.');
  const steps = (to - from + step - (step > 0n ? 1n : -1n)) / step;
  if (steps > MAX_RANGE) throw new Refusal(`a range is of at most ${MAX_RANGE} numbers.`);
  return Array.from({ length: Math.max(0, Number(steps)) }, (_, i) => whole(from + BigInt(i) * step));
}

export const FUNCTIONS: ReadonlyMap<string, Applied> = new Map(
  TABLE.flatMap(([names, applied]) => names.split(' ').map((name): [string, Applied] => [name, applied])),
);

/** The name in the table that a written name means; null where it means none. */
export function functionNamed(name: string): string | null {
  const plain = name.toLowerCase();
  return FUNCTIONS.has(plain) ? plain : null;
}
