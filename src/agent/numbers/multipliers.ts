/** Words and letters after a number that multiply it: `1.5 million`, `2 dozen`, `$10k`, `5万`. */
import { decimal, type Rational } from './rational.ts';

/** Powers of ten by their words, in the languages that models mix into answers. */
const WORDS: readonly (readonly [RegExp, number])[] = [
  [/^hundreds?$/, 2],
  [/^(?:thousand|thousands|mille|tausend|mila|тысяч[аи]?)$/, 3],
  [/^(?:lakh|lakhs|lac|lacs)$/, 5],
  [/^(?:millions?|millionen|mio|mln|mn|millones|millón|milhão|milhões|milione|milioni|миллион(?:а|ов)?)$/, 6],
  [/^(?:crore|crores)$/, 7],
  [/^(?:billion|billions|bn|milliarde|milliarden|milliard|milliards|mrd|mld|miliardi|миллиард(?:а|ов)?)$/, 9],
  [/^(?:trillion|trillions|trn|tn)$/, 12],
];
const CJK: Readonly<Record<string, number>> = {
  十: 1,
  百: 2,
  백: 2,
  千: 3,
  천: 3,
  万: 4,
  萬: 4,
  만: 4,
  亿: 8,
  億: 8,
  억: 8,
  兆: 12,
  조: 12,
};

export interface Multiplier {
  readonly value: Rational;
  readonly rest: string;
}

/** The multiplier at the beginning of what follows a number; `m` and `b` are one after an amount of money. */
export function multiplier(text: string, money = false): Multiplier | null {
  const sign = CJK[text.slice(0, 1)];
  if (sign !== undefined) return { value: decimal('1', '', sign), rest: text.slice(1) };
  const letter = /^(k|K|M|bn|[mbB])(?![\p{L}\p{N}])/u.exec(text)?.[1];
  if (letter !== undefined && (money || /^(?:k|K|M|bn)$/.test(letter))) {
    const exponent = /k/i.test(letter) ? 3 : /m/i.test(letter) ? 6 : 9;
    return { value: decimal('1', '', exponent), rest: text.slice(letter.length) };
  }
  const word = /^[ -](\p{L}+)\.?(?![\p{L}\p{N}])/u.exec(text);
  if (word === null) return null;
  const name = (word[1] as string).toLowerCase();
  if (/^dozens?$/.test(name)) return { value: decimal('12'), rest: text.slice(word[0].length) };
  const exponent = WORDS.find(([pattern]) => pattern.test(name))?.[1];
  if (exponent === undefined) return null;
  return { value: decimal('1', '', exponent), rest: text.slice(word[0].length) };
}
