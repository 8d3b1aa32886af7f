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
  /^“([^“”]*)”$/,
  /^‘([^‘’]*)’$/,
  /^\$\$([^$]*)\$\$$/,
  /^\$([^$]*[^$\s])\$$/,
  /^\*\*([^*]*)\*\*$/,
];
const INTRODUCTION = new RegExp(
  "^(?:please|calculate|compute|evaluate|simplify|find|solve|what(?: is|'s|’s)|how much is|" +
    String.raw`(?:the )?(?:value|result) of)(?![\p{L}\d_(])[:,]?\s*`,
  'iu',
);
/** `Total cost: 12 * 3`. */
const LABEL = /^\p{L}[\p{L}\d_' -]*:\s*(?=[^=\s])/u;

/** A day, and nothing but it. */
const DATE = /^\s*(?:\d{4}-\d\d?-\d\d?|\d\d?-\d\d?-\d{4}|\d{4}\/\d\d?\/\d\d?|\d\d?\/\d\d?\/\d{4})\s*$/;

/** Vulgar fractions are one number each, whatever stands beside them. */
const VULGAR = /[¼-¾⅐-⅞↉]/g;

/** The plain spelling. Throws `Refusal` where nothing is left. */
export function plainSpelling(text: string): string {
  let plain = unwrapped(text.replaceAll(/\r\n?|\u2028|\u2029/g, '\n'));
  plain = plain.replace(VULGAR, (sign) => `⟦${sign.normalize('NFKC').replace('⁄', '/')}⟧`);
  if (/\\|\{,\}/.test(plain)) plain = unwrapped(plainLatex(plain));
  plain = plainCharacters(plain)
    .replace(/[–—―]/g, '-')
    .replaceAll('\uFE0F', '')
    .replace(/[×·∙⋅•∗✕✖⨯]/g, '*')
    .replace(/[÷∕➗]/g, '/')
    .replaceAll('➕', '+')
    .replaceAll('➖', '-')
    .replace(/[【〔〈⟨]/g, '(')
    .replace(/[】〕〉⟩]/g, ')')
    .replace(/(?<=\d)[₀-₉]/g, '');
  plain = unwrapped(plain);
  for (let count = 0; count < MAX_WRAPPERS; count++) {
    const rest = plain.replace(INTRODUCTION, '').replace(LABEL, '');
    if (rest === plain) break;
    plain = unwrapped(rest);
  }
  plain = plain.replace(/^(?:=\s*)+/, '');
  const date = DATE.exec(plain);
  if (date !== null) throw ambiguous(date[0], 'a date', 'a calculation');
  if (!/[^\s$€£.,;]/.test(plain)) throw new Refusal('there is nothing to calculate.');
  return plain;
}

/** Without marks in pairs around it, and a stop or semicolon at its end. */
function unwrapped(text: string): string {
  let out = text.trim();
  for (let count = 0; count < MAX_WRAPPERS; count++) {
    const before = out;
    out = out.replace(/(?<=\S)\s*[.;,。]$/, '').trim();
    for (const pair of PAIRS) out = out.replace(pair, '$1').trim();
    if (out === before) break;
  }
  return out;
}
