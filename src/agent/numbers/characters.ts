/**
 * One spelling for characters that mean the same: digits of all scripts, minus signs, fractions,
 * superscripts, blanks.
 */

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/**
 * The text in compatibility form (NFKC), except where that would change what it says: `10²` becomes `10^2`,
 * `1½` becomes `1 1/2`. Digits of any script become ASCII, minus signs and attached dashes `-`; invisible
 * characters go.
 */
export function plainCharacters(text: string): string {
  return text
    .replace(/[⁺⁻]?[⁰¹²³⁴-⁹]+/g, superscript)
    .replace(/[¼-¾⅐-⅞↉]/g, (sign, at: number, whole: string) => {
      const fraction = sign.normalize('NFKC').replace('⁄', '/');
      return at > 0 && /\p{Nd}/u.test(whole[at - 1] as string) ? ` ${fraction}` : fraction;
    })
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/(?![0-9])\p{Nd}/gu, asciiDigit)
    .replace(/⁄|∕/g, '/')
    .replace(/[−‐‑‒]|–(?=\S)/g, '-')
    .replaceAll('٫', '.')
    .replaceAll('٬', ',')
    .replaceAll('٪', '%')
    .replace(/(?<=\d)[’‘ʼ](?=\d)/g, "'")
    .replace(/[^\S\n]+/g, ' ');
}

function superscript(run: string): string {
  const sign = run.startsWith('⁻') ? '-' : '';
  return `^${sign}${[...run]
    .map((mark) => SUPERSCRIPTS.indexOf(mark))
    .filter((digit) => digit >= 0)
    .join('')}`;
}

/** Decimal digits stand in runs of ten that begin with zero; several runs may adjoin. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) as number;
  let first = code;
  while (/^\p{Nd}$/u.test(String.fromCodePoint(first - 1))) first--;
  return String((code - first) % 10);
}
