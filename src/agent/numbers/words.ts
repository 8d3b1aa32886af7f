/**
 * Numbers in English words at the beginning of a text: `seven`, `two hundred and five`, `three quarters`,
 * `minus` apart.
 */
import { multiplier } from './multipliers.ts';
import { numeral, type Read } from './numeral.ts';
import { decimal, plus, type Rational, times } from './rational.ts';

const UNITS = `
  zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
  seventeen eighteen nineteen
`
  .trim()
  .split(/\s+/);
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const SCALES = ['thousand', 'million', 'billion', 'trillion'];
/** Denominators from halves on; seconds are time. */
const PARTS = [
  /^hal(?:f|ves)$/,
  /^thirds?$/,
  /^(?:quarters?|fourths?)$/,
  /^fifths?$/,
  /^sixths?$/,
  /^sevenths?$/,
].concat([/^eighths?$/, /^ninths?$/, /^tenths?$/]);

/** Words that are numbers or parts of them: what is counted has none among its words. */
export function isNumberWord(word: string): boolean {
  return (
    small(word) !== null ||
    SCALES.includes(word) ||
    /^(?:hundred|dozen|half|halves|point)$/.test(word) ||
    part(word) !== null ||
    /(?:hundred|thousand|million|billion)ths?$|^(?:first|eleventh|twelfth|\w+teenth|\w+tieth)s?$/.test(word)
  );
}

/** The number at the beginning; null where there is none. */
export function readWords(text: string): Read | null {
  const words = tokens(text);
  const fraction = readPart(words, 0);
  if (fraction !== null) return afterHalf(text, fraction);
  const whole = readCardinal(words);
  if (whole === null) return null;
  const { value, used } = readPoint(words, whole);
  const rest = text.slice(words[used - 1]?.end ?? 0);
  return scaled(readAndPart({ numeral: numeral(value), rest }));
}

/** Adds ` and a half`, ` and three quarters`, to a whole number in words or digits. */
export function readAndPart(read: Read): Read {
  const { value } = read.numeral;
  const joined = /^ and (?=[a-z])/i.exec(read.rest);
  if (joined === null || value.n % value.d !== 0n) return read;
  const rest = read.rest.slice(joined[0].length);
  const words = tokens(rest);
  const part = readPart(words, 0);
  if (part === null) return read;
  return { numeral: numeral(plus(value, part.value)), rest: rest.slice(words[part.used - 1]?.end ?? 0) };
}

interface Token {
  readonly word: string;
  /** Where it ends in the text. */
  readonly end: number;
}

interface Counted {
  readonly value: Rational;
  /** How many tokens it is made of. */
  readonly used: number;
}

/** The first words of a text, as far as blanks or hyphens alone are between them. */
function tokens(text: string): Token[] {
  const found: Token[] = [];
  const next = /[ -]?([A-Za-z]+)/y;
  for (let match = next.exec(text); match !== null && found.length < 40; match = next.exec(text)) {
    if (found.length === 0 && match.index === 0 && !/^[A-Za-z]/.test(text)) break;
    found.push({ word: (match[1] as string).toLowerCase(), end: next.lastIndex });
  }
  return found;
}

function small(word: string | undefined): number | null {
  if (word === undefined) return null;
  const unit = UNITS.indexOf(word);
  if (unit >= 0) return unit;
  const ten = TENS.indexOf(word);
  return ten >= 0 ? 10 * (ten + 2) : null;
}

/** The denominator that a word names. */
function part(word: string | undefined): number | null {
  const at = word === undefined ? -1 : PARTS.findIndex((pattern) => pattern.test(word));
  return at < 0 ? null : at + 2;
}

/** `half`, `a half`, `one third`, `three quarters`: plural but for one, as `twenty third` is an ordinal. */
function readPart(words: readonly Token[], from: number): Counted | null {
  const first = words[from]?.word;
  if (first === 'half') return { value: { n: 1n, d: 2n }, used: from + 1 };
  const count = first === 'a' ? 1 : small(first);
  const second = words[from + 1]?.word;
  const denominator = part(second);
  if (count === null || count === 0 || denominator === null || second === undefined) return null;
  if ((count === 1) === /s$/.test(second)) return null;
  // `a third time` is an ordinal, `a quarter mile` is none.
  if (first === 'a' && /th$|^third$/.test(second) && ![undefined, 'of'].includes(words[from + 2]?.word))
    return null;
  return { value: { n: BigInt(count), d: BigInt(denominator) }, used: from + 2 };
}

/** A cardinal as English writes it. */
function readCardinal(words: readonly Token[]): Counted | null {
  let total = 0n;
  let current: number | null = null;
  let scaleLeft = SCALES.length;
  let used = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]?.word as string;
    const value = small(word);
    const scale = SCALES.indexOf(word);
    if (value !== null && fits(current, value)) current = (current ?? 0) + value;
    else if (current === null && at === 0 && word === 'a' && isScale(words[1]?.word)) current = 1;
    else if (word === 'hundred' && current !== null && current > 0 && current < 100) current *= 100;
    else if (scale >= 0 && scale < scaleLeft && current !== null && current > 0) {
      total += BigInt(current) * 1000n ** BigInt(scale + 1);
      current = null;
      scaleLeft = scale;
    } else if (word === 'and' && small(words[at + 1]?.word) !== null && roomAfterAnd(current, total)) {
      // Only where the word after it goes on with the number.
      if (part(words[at + 2]?.word) !== null) break;
      continue;
    } else if (/^dozens?$/.test(word) && current !== null && total === 0n) {
      return { value: times(decimal(String(current)), decimal('12')), used: at + 1 };
    } else break;
    used = at + 1;
  }
  if (used === 0 || (words[0]?.word === 'a' && used === 1)) return null;
  return { value: { n: total + BigInt(current ?? 0), d: 1n }, used };
}

function isScale(word: string | undefined): boolean {
  return word === 'hundred' || word === 'dozen' || (word !== undefined && SCALES.includes(word));
}

/** Whether a number below 100 may follow what was read so far of a group of three digits. */
function fits(current: number | null, value: number): boolean {
  if (current === null) return true;
  if (value === 0) return false;
  const below = current % 100;
  return below === 0 ? current >= 100 : below >= 20 && below % 10 === 0 && value < 10;
}

function roomAfterAnd(current: number | null, total: bigint): boolean {
  return current === null ? total > 0n : current >= 100 && current % 100 === 0;
}

/** `three point one four`. */
function readPoint(words: readonly Token[], whole: Counted): Counted {
  if (words[whole.used]?.word !== 'point') return whole;
  let digits = '';
  for (let at = whole.used + 1; at < words.length; at++) {
    const digit = UNITS.slice(0, 10).indexOf(words[at]?.word as string);
    if (digit < 0) break;
    digits += digit;
  }
  if (digits === '') return whole;
  return { value: plus(whole.value, decimal('0', digits)), used: whole.used + 1 + digits.length };
}

/** `half a million`, `half an hour`, `three quarters of a million` apart. */
function afterHalf(text: string, { value, used }: Counted): Read {
  const rest = text.slice(tokens(text)[used - 1]?.end ?? 0);
  const of = rest.replace(/^ an?(?= )/i, '');
  return scaled({ numeral: numeral(value), rest: of });
}

/** `one and a half million`. */
function scaled(read: Read): Read {
  const found = multiplier(read.rest);
  return found === null
    ? read
    : { numeral: numeral(times(read.numeral.value, found.value)), rest: found.rest };
}
