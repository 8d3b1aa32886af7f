/** Operators and functions in words. */

/** A function in words before what it takes: `the sum of 3 and 4`. */
export interface Phrase {
  readonly name: 'call' | 'multiple' | 'power' | 'change';
  /** The function of the table, the number that multiplies, the exponent, or the operator in words. */
  readonly of: string;
  /** The words between the things that it takes. */
  readonly joined: readonly string[];
  /** Whether the second comes first: `subtract 3 from 10`. */
  readonly swapped?: true;
}

const AS_MANY_AS = String.raw`as (?:many|much|long|far|old|tall|large|big|heavy|fast)(?: \p{L}+)? as`;

/** Between or after operands; the first that fits counts, so longer ones stand first. */
const INFIX: readonly (readonly [RegExp, string])[] = (
  [
    [`(?:times )?${AS_MANY_AS}`, '*'],
    ['(?:is )?(?:multiplied by|times)', '*'],
    [String.raw`at(?=\s?\p{Sc})`, '*'],
    ['(?:is )?divided by|over|out of(?: every)?', '/'],
    ['(?:is )?increased by', 'increased by'],
    ['(?:is )?(?:decreased|reduced|diminished) by', 'decreased by'],
    ['(?:is )?added to|plus', '+'],
    ['minus|take away', '-'],
    ['(?:is )?subtracted from', 'subtracted from'],
    ['(?:less|fewer) than', 'less than'],
    ['(?:more|greater) than', 'more than'],
    ['less', '-'],
    ['modulo|modulus|mod', 'mod'],
    ['(?:raised )?to the power(?: of)?|raised to', '^'],
    ['choose', 'choose'],
    ['off(?: of)?', 'off'],
    ['of', 'of'],
    ['squared', 'squared'],
    ['cubed', 'cubed'],
  ] as const
).map(([words, name]) => [new RegExp(String.raw`(?:${words})(?![\p{L}\d_])`, 'iuy'), name]);

const AND = ['and'];
const PREFIX: readonly (readonly [RegExp, Phrase])[] = (
  [
    ['(?:square )?root of|sqrt of', { name: 'call', of: 'sqrt', joined: [] }],
    ['cube root of', { name: 'call', of: 'cbrt', joined: [] }],
    ['absolute value of', { name: 'call', of: 'abs', joined: [] }],
    ['factorial of', { name: 'call', of: 'factorial', joined: [] }],
    ['sum of', { name: 'call', of: 'sum', joined: AND }],
    ['product of', { name: 'call', of: 'product', joined: AND }],
    ['difference (?:of|between)', { name: 'call', of: 'subtract', joined: AND }],
    ['(?:quotient|ratio) of', { name: 'call', of: 'divide', joined: ['and', 'to'] }],
    ['(?:average|mean) of', { name: 'call', of: 'mean', joined: AND }],
    ['median of', { name: 'call', of: 'median', joined: AND }],
    ['max(?:imum)? of', { name: 'call', of: 'max', joined: AND }],
    ['min(?:imum)? of', { name: 'call', of: 'min', joined: AND }],
    [
      '(?:greatest|highest) common (?:divisor|factor) of|gcd of|gcf of|hcf of',
      { name: 'call', of: 'gcd', joined: AND },
    ],
    ['(?:least|lowest) common multiple of|lcm of', { name: 'call', of: 'lcm', joined: AND }],
    ['square of', { name: 'power', of: '2', joined: [] }],
    ['cube of', { name: 'power', of: '3', joined: [] }],
    [`(?:twice|double)(?: ${AS_MANY_AS})?`, { name: 'multiple', of: '2', joined: [] }],
    ['triple|thrice', { name: 'multiple', of: '3', joined: [] }],
    ['quadruple', { name: 'multiple', of: '4', joined: [] }],
    ['add(?! ?\\()', { name: 'call', of: 'sum', joined: ['and', 'to'] }],
    ['subtract(?! ?\\()', { name: 'call', of: 'subtract', joined: ['from'], swapped: true }],
    ['multiply(?! ?\\()', { name: 'call', of: 'product', joined: ['by', 'and'] }],
    ['divide(?! ?\\()', { name: 'call', of: 'divide', joined: ['by'] }],
    ['(?:increase|raise)(?! ?\\()', { name: 'change', of: 'increased by', joined: ['by'] }],
    ['(?:decrease|reduce|lower)(?! ?\\()', { name: 'change', of: 'decreased by', joined: ['by'] }],
  ] as const
).map(([words, phrase]) => [new RegExp(String.raw`(?:the )?(?:${words})(?![\p{L}\d_])`, 'iuy'), phrase]);

interface Found<T> {
  readonly found: T;
  readonly text: string;
}

export function infixAt(text: string, at: number): Found<string> | null {
  return firstAt(INFIX, text, at);
}

export function prefixAt(text: string, at: number): Found<Phrase> | null {
  return firstAt(PREFIX, text, at);
}

function firstAt<T>(table: readonly (readonly [RegExp, T])[], text: string, at: number): Found<T> | null {
  for (const [pattern, found] of table) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) return { found, text: match[0] };
  }
  return null;
}
