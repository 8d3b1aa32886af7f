/**
 * One spelling for what people write around and in an expression: characters of every script, LaTeX,
 * quotation marks, a label before it, and a question mark after it.
 */
import { plainCharacters } from '../../agent/numbers/characters.ts';
import { plainLatex } from './latex.ts';
import { ambiguous, Refusal } from './refusal.ts';

/** How often marks may stand around one another. */
const MAX_WRAPPERS = 10;

const PAIRS: readonly RegExp[] = [
  /^```(?:[a-z]*\n)?([^`]*)```$/,
  /^`+([^`]*)`+$/,
  /^"([^"]*)"$/,
  /^'([^']*)'$/,
  /^\{\s*"\p{L}[\p{L}_]*"\s*:\s*"([^"]*)"\s*\}$/u,
  /^<<([^<>]*)>>\S{0,20}$/,
  /^console\.log\s*\(((?:[^()]|\([^()]*\))*)\)$/,
  /^“([^“”]*)”$/,
  /^‘([^‘’]*)’$/,
  /^\$\$([^$]*)\$\$$/,
  /^\$([^$]*[^$\s])\$$/,
  // No expression begins with these signs, and ends with them.
  /^\*\*(?! )(?![^*]*:\*\*)([\s\S]*[^\s*])\*\*$/,
  /^\*(?![ *])([\s\S]*[^\s*])\*$/,
  /^__(?! )([^_]*[^\s_])__$/,
];
const INTRODUCTION = new RegExp(
  "^(?:please|calculate|compute|evaluate|simplify|find|solve|what(?: is|'s|’s)|how (?:much|many) is|" +
    "let(?:'s|’s| us| me)|we (?:get|have)|return|so|then|thus|hence|therefore|(?:now|next|first|finally)(?=[,:])|" +
    String.raw`(?:the )?(?:value|result) of)(?![\p{L}\d_(])[:,]?\s*|^>>>\s*`,
  'iu',
);
/** `Total cost: 12 * 3`, `**Answer:** 3 * 4`, `Total (in $): 12 * 3`; not `ratio 3:4`. */
const LABEL =
  /^(?:\*\*)?(?!ratio\b)\p{L}[\p{L}\d_'’ -]*(?:\((?:in )?[\p{L}\p{Sc}%]{1,12}\) ?)?(?:(?<!\d):|:(?!\d))(?:\*\*)?\s*(?=[^=\s])/iu;

/** A day, and nothing but it. */
const DATE = /^\s*(?:\d{4}-\d\d?-\d\d?|\d\d?-\d\d?-\d{4}|\d{4}\/\d\d?\/\d\d?|\d\d?\/\d\d?\/\d{4})\s*$/;
/** A day within more, as it is written in full. */
const DATE_WITHIN =
  /(?<![\d./-])(?:(?:1\d|20)\d\d-(?:0\d|1[0-2])-(?:0[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])\/(?:0?[1-9]|[12]\d|3[01])\/(?:19|20)\d\d)(?![\d./])/;
/** `remainder of 17 divided by 5`. */
const REMAINDER =
  /^(?:the )?remainder (?:of|when|if) (\d{1,40}|\([\d\s+*-]{1,80}\)) (?:is )?divided by (\d{1,40})$/i;

/** Of Python: a line, or the end of one. */
const COMMENT = /^[^\S\n]*#[^\S\n]*\p{L}[^\n]*\n|(?<=\S)[^\S\n]+#[^\S\n]*\p{L}[^\n]*$/gmu;

/** Vulgar fractions are one number each, whatever stands beside them. */
const VULGAR = /[¼-¾⅐-⅞↉]/g;

/** The plain spelling. Throws `Refusal` where nothing is left. */
export function plainSpelling(text: string): string {
  let plain = unwrapped(text.replaceAll(/\r\n?|\u2028|\u2029/g, '\n'));
  plain = plain
    .replace(COMMENT, '')
    .trim()
    .replace(/<<[^<>]*>>/g, '')
    .replace(/&(?==)/g, '')
    .replace(/(?<!eval)\(\s*(["'])([^"'()]*)\1\s*\)/g, '($2)')
    .replace(SMALL_FRACTION, (_, over: string, under: string) => `⟦${ascii(over)}/${ascii(under)}⟧`)
    .replace(/([\p{Nd})\]}]?)([⁰¹²³⁴-⁹]{1,3})√/gu, rootSign)
    .replaceAll('∜', 'root_4 ')
    .replaceAll('⅟', ' 1/')
    .replace(/(?<=[⁰¹²³⁴-⁹])[⁺⁻][⁰¹²³⁴-⁹⁺⁻]*/g, refuseExponent)
    .replace(/[₀-₉]+/g, (marks) => `_{${ascii(marks)}}`);
  plain = plain.replace(VULGAR, (sign) => `⟦${sign.normalize('NFKC').replace('⁄', '/')}⟧`);
  if (/\\|\{,\}/.test(plain)) plain = unwrapped(plainLatex(plain));
  plain = plainCharacters(plain)
    .replace(/[–—―]/g, '-')
    .replaceAll('\uFE0F', '')
    .replace(/[×·∙⋅•∗✕✖⨯]/g, '*')
    .replaceAll('∕', '/')
    .replaceAll('➗', '÷')
    .replaceAll('➕', '+')
    .replaceAll('➖', '-')
    .replaceAll('˗', '-')
    .replace(/(?<!\p{L})[хХ](?!\p{L})/gu, 'x')
    .replace(/[【〔〈⟨]/g, '(')
    .replace(/[】〕〉⟩]/g, ')')
    .replace(/(?<!log)(?<=\p{L})_\{([\p{L}\d]{1,20})\}/giu, '_$1');
  plain = unwrapped(plain);
  for (let count = 0; count < MAX_WRAPPERS; count++) {
    const rest = plain.replace(INTRODUCTION, '').replace(LABEL, '');
    if (rest === plain) break;
    plain = unwrapped(rest);
  }
  plain = plain.replace(/^(?:=\s*)+/, '');
  plain = plain.replace(REMAINDER, '$1 mod $2');
  const date = DATE.exec(plain) ?? DATE_WITHIN.exec(plain);
  if (date !== null) throw ambiguous(date[0], 'a date', 'a calculation');
  if (!/[^\s$€£.,;]/.test(plain)) throw new Refusal('there is nothing to calculate.');
  return plain;
}

/** `¹⁄₂`: small digits over small ones. */
const SMALL_FRACTION = /([⁰¹²³⁴-⁹]{1,9})[⁄/]([₀-₉]{1,9})/g;

/** Small digits at their usual size. */
function ascii(marks: string): string {
  return marks.normalize('NFKC');
}

/** `³√8`; after an operand the mark may be its exponent. */
function rootSign(_: string, before: string, degree: string): string {
  if (before !== '') throw ambiguous(`${before}${degree}√`, 'a power times a root', 'a root of that degree');
  return `root_${ascii(degree)} `;
}

function refuseExponent(marks: string): never {
  throw new Refusal(`an exponent is one number: write ${ascii(marks)} with ^ and parentheses.`);
}

/** Without marks in pairs around it, and a stop or semicolon at its end. */
export function unwrapped(text: string): string {
  let out = text.trim();
  for (let count = 0; count < MAX_WRAPPERS; count++) {
    const before = out;
    out = out.replace(/(?<=\S)\s*[.;,。]$/, '').trim();
    for (const pair of PAIRS) out = out.replace(pair, '$1').trim();
    if (out === before) break;
  }
  return out;
}
