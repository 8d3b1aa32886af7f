/**
 * Numbers in digits at the beginning of a text: separators of thousands, decimals, powers, fractions,
 * multipliers.
 */
import { multiplier } from './multipliers.ts';
import { numeral as exact, type Read } from './numeral.ts';
import { decimal, isWhole, over, plus, power, times } from './rational.ts';

/** Numbers with more digits, or a larger power of ten, than float64 can hold are text. */
const MAX_DIGITS = 320;
const MAX_EXPONENT = 308;
/** `2^10` is read, `9^9999` is text. */
const MAX_POWER = 400;

/** What cannot go on after a number: more digits, with or without a separator. */
const END = String.raw`(?![\d]|[.,'_:]\d)`;

/** Whole part and decimals, by how thousands are separated. The first that fits counts. */
const FORMS: readonly RegExp[] = [
  // 1'234.5, 1_234
  new RegExp(String.raw`^(\d{1,3}(?:'\d{3})+|\d{1,3}(?:_\d{3})+)(?:[.,](\d+))?${END}`),
  // 1 234,5: groups of exactly three
  new RegExp(String.raw`^([1-9]\d{0,2}(?: \d{3})+)(?:[.,](\d+))?${END}(?! \d| ?\/)`),
  // 1,234.5 and 12,34,567.8
  new RegExp(String.raw`^([1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3})(?:\.(\d*))?${END}`),
  // 1.234,5 and 1.234.567
  new RegExp(String.raw`^([1-9]\d{0,2}(?:\.\d{3})+),(\d+)${END}`),
  new RegExp(String.raw`^([1-9]\d{0,2}(?:\.\d{3}){2,})()${END}`),
  // 3,5: a comma that cannot separate thousands
  new RegExp(String.raw`^(0|\d{1,3}(?=,(?!\d{3}\b))|\d{4,}),(\d+)${END}`),
  new RegExp(String.raw`^(\d+)(?:\.(\d*))?${END}`),
  new RegExp(String.raw`^()\.(\d+)${END}`),
];
/** Four groups of digits and points that may as well be an address. */
const ADDRESS = /^\d{1,3}(?:\.\d{1,3}){3}(?!\d)/;

/**
 * The number at the beginning; null where there is none that is clear. `money`: after a sign of a currency.
 */
export function readDigits(text: string, money = false): Read | null {
  const first = readRoot(text) ?? readDecimal(text);
  if (first === null) return null;
  return readMultiplier(readPower(first) ?? readMixed(first) ?? readFraction(first) ?? first, money);
}

/** A root that is whole: `√16`, `∛27`; other roots are no numbers that can be written. */
function readRoot(text: string): Read | null {
  const match = /^([√∛∜]) ?\(?(\d{1,15})\)?(?![\d.,]*\d)/.exec(text);
  if (match === null) return null;
  const degree = '√∛∜'.indexOf(match[1] as string) + 2;
  const root = Math.round(Number(match[2]) ** (1 / degree));
  if (root ** degree !== Number(match[2])) return null;
  return { numeral: exact(decimal(String(root))), rest: text.slice(match[0].length) };
}

/** A decimal, with its repeating end or its exponent. */
function readDecimal(text: string): Read | null {
  if (ADDRESS.test(text)) return null;
  for (const form of FORMS) {
    const match = form.exec(text);
    if (match === null) continue;
    const whole = (match[1] as string).replace(/\D/g, '');
    const fraction = match[2] ?? '';
    if (whole.length + fraction.length > MAX_DIGITS) return null;
    const rest = text.slice(match[0].length);
    const parts = { whole, fraction, rest, point: match[0].includes('.') };
    return readRepeating(parts) ?? readExponent(parts);
  }
  return null;
}

interface Parts {
  readonly whole: string;
  readonly fraction: string;
  /** Whether there is a decimal point. */
  readonly point: boolean;
  readonly rest: string;
}

/** `0.(3)`, `0.1(6)`, `0.333...`: null where nothing repeats. */
function readRepeating({ whole, fraction, rest, point }: Parts): Read | null {
  if (!point) return null;
  const marked = /^\((\d{1,20})\)/.exec(rest);
  const dots = /^(?:\.{2,}|…)/.exec(rest);
  const period = marked?.[1] ?? (dots && /(\d{1,6}?)\1{2,}$/.exec(fraction)?.[1]);
  if (period === undefined || period === null) return null;
  // A period in brackets comes after the digits; before dots the digits end with it already.
  const shift = 10n ** BigInt(fraction.length);
  const repeated = over(decimal(period), { n: (10n ** BigInt(period.length) - 1n) * shift, d: 1n });
  if (repeated === null) return null;
  const value = plus(decimal(whole, fraction), repeated);
  return { numeral: exact(value), rest: rest.slice((marked ?? dots)?.[0].length) };
}

/** `1e3`, and `3 × 10^5`. */
function readExponent({ whole, fraction, rest }: Parts): Read | null {
  if (/^\.{2,}|^…/.test(rest)) return null;
  const match =
    /^[eE]([-+]?\d{1,4})(?![\d.,])/.exec(rest) ??
    /^ ?[×x*·] ?10(?:\^|\*\*)([-+]?\d{1,4})(?![\d.,])/.exec(rest);
  const exponent = Number(match?.[1] ?? 0);
  if (Math.abs(exponent) > MAX_EXPONENT || whole.length + exponent > MAX_EXPONENT) return null;
  const value = decimal(whole, fraction, exponent);
  const digits = `${whole}${fraction}`.replace(/^0+/, '').length;
  const numeral = match === null ? { value, digits, decimals: fraction.length } : exact(value);
  return { numeral, rest: rest.slice(match?.[0].length ?? 0) };
}

/** `10^2`, `10**2`, `10 squared`. */
function readPower({ numeral, rest }: Read): Read | null {
  const match = /^ ?(?:\^|\*\*) ?([-+]?\d{1,4})(?![\d.,^/])|^ (squared|cubed)\b/i.exec(rest);
  if (match === null) return null;
  const exponent = match[2] === undefined ? Number(match[1]) : /s/i.test(match[2]) ? 2 : 3;
  const size = String(numeral.value.n).length + String(numeral.value.d).length;
  if (Math.abs(exponent) > MAX_POWER || size * Math.abs(exponent) > 2 * MAX_DIGITS) return null;
  const value = power(numeral.value, exponent);
  return value && { numeral: exact(value), rest: rest.slice(match[0].length) };
}

/** `1 1/2`, `1 and 1/2`. */
function readMixed({ numeral, rest }: Read): Read | null {
  const match = /^ (?:and )?(\d{1,20}) ?\/ ?(\d{1,20})(?![\d.,]*\d| ?\/)/.exec(rest);
  if (match === null || !isWhole(numeral.value) || numeral.decimals > 0) return null;
  const part = over(decimal(match[1] as string), decimal(match[2] as string));
  if (part === null || part.n >= part.d) return null;
  return { numeral: exact(plus(numeral.value, part)), rest: rest.slice(match[0].length) };
}

/** `3/4`; not `3/4/2020`. */
function readFraction({ numeral, rest }: Read): Read | null {
  const slash = /^ ?\/ ?(-?)(?=[\d.])/.exec(rest);
  if (slash === null) return null;
  const below = readDecimal(rest.slice(slash[0].length));
  if (below === null || /^ ?\//.test(below.rest)) return null;
  const { n, d } = below.numeral.value;
  const value = over(numeral.value, slash[1] === '-' ? { n: -n, d } : { n, d });
  return value && { numeral: exact(value), rest: below.rest };
}

/** `1.5 million`, `3 hundred thousand`, `2 dozen`, `$10k` (without a blank). */
function readMultiplier(read: Read, money: boolean): Read {
  let { numeral, rest } = read;
  for (let count = 0; count < 3; count++) {
    const found = multiplier(rest, money);
    if (found === null) break;
    numeral = exact(times(numeral.value, found.value));
    rest = found.rest;
  }
  return { numeral, rest };
}
