/**
 * What the calculator can do: operators, functions and constants on float64, each of bounded cost. Operators
 * go by mathjs's names.
 */

/** Something that the policy did which has no value; its message is shown to the policy. */
export class Refusal extends Error {}

function divide(a: number, b: number): number {
  if (b === 0) throw new Refusal('division by zero.');
  return a / b;
}

function remainder(a: number, b: number): number {
  if (b === 0) throw new Refusal('division by zero.');
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function power(a: number, b: number): number {
  if (a === 0 && b < 0) throw new Refusal('division by zero.');
  return a ** b;
}

/** n! grows out of float64 at 171, which bounds the loop. */
function factorial(n: number): number {
  if (!Number.isInteger(n) || n < 0) throw new Refusal('a factorial is of a whole number from 0.');
  if (n > 170) throw new Refusal('the result is too large.');
  let product = 1;
  for (let i = 2; i <= n; i++) product *= i;
  return product;
}

/** Euclid: fewer than 80 rounds below 2^53. */
function greatestDivisor(...values: number[]): number {
  return values.reduce((x, y) => {
    if (!Number.isSafeInteger(x) || !Number.isSafeInteger(y))
      throw new Refusal('gcd and lcm are of whole numbers.');
    let [a, b] = [Math.abs(x), Math.abs(y)];
    while (b !== 0) [a, b] = [b, a % b];
    return a;
  });
}

function leastMultiple(...values: number[]): number {
  return values.reduce((x, y) => {
    const divisor = greatestDivisor(x, y);
    return divisor === 0 ? 0 : Math.abs((x / divisor) * y);
  });
}

/**
 * Halves go away from zero, as people round; through the decimal notation, so that 1.005 rounds as it is
 * written.
 */
function round(value: number, digits = 0): number {
  if (!Number.isInteger(digits) || digits < 0 || digits > 15) {
    throw new Refusal('round(number, digits) takes 0 to 15 digits.');
  }
  const [mantissa, exponent = '0'] = Math.abs(value).toExponential().split('e');
  const scaled = Math.round(Number(`${mantissa}e${Number(exponent) + digits}`));
  const [m, e = '0'] = scaled.toExponential().split('e');
  return Math.sign(value) * Number(`${m}e${Number(e) - digits}`);
}

function sum(...values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export const BINARY = new Map<string, (a: number, b: number) => number>([
  ['add', (a, b) => a + b],
  ['subtract', (a, b) => a - b],
  ['multiply', (a, b) => a * b],
  ['divide', divide],
  ['mod', remainder],
  ['pow', power],
]);

export const UNARY = new Map<string, (a: number) => number>([
  ['unaryMinus', (a) => -a],
  ['unaryPlus', (a) => a],
  ['factorial', factorial],
  // The percent sign: see expression.ts.
  ['ctranspose', (a) => a / 100],
]);

export const CONSTANTS = new Map([
  ['pi', Math.PI],
  ['e', Math.E],
]);

export interface Applied {
  readonly least: number;
  readonly most: number;
  readonly apply: (...values: number[]) => number;
}

const one = (apply: (value: number) => number): Applied => ({
  least: 1,
  most: 1,
  apply: (value = 0) => apply(value),
});
const many = (apply: (...values: number[]) => number): Applied => ({ least: 1, most: Infinity, apply });

export const FUNCTIONS = new Map<string, Applied>([
  ['abs', one(Math.abs)],
  ['ceil', one(Math.ceil)],
  ['cos', one(Math.cos)],
  ['exp', one(Math.exp)],
  ['factorial', one(factorial)],
  ['floor', one(Math.floor)],
  ['gcd', many(greatestDivisor)],
  ['lcm', many(leastMultiple)],
  ['ln', one(Math.log)],
  ['log', one(Math.log)],
  ['log10', one(Math.log10)],
  ['log2', one(Math.log2)],
  ['max', many(Math.max)],
  ['mean', many((...values) => sum(...values) / values.length)],
  ['min', many(Math.min)],
  ['mod', { least: 2, most: 2, apply: (a = 0, b = 0) => remainder(a, b) }],
  ['round', { least: 1, most: 2, apply: (value = 0, digits = 0) => round(value, digits) }],
  ['sin', one(Math.sin)],
  ['sqrt', one(Math.sqrt)],
  ['sum', many(sum)],
  ['tan', one(Math.tan)],
]);
