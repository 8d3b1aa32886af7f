/**
 * The form in which two texts are compared as answers or as queries: stricter than SQuAD's, which drops all
 * signs.
 */
import { formulaForm } from './formula.ts';
import { plainCharacters } from './numbers/characters.ts';

/** Longer texts are cut before they are compared: no gold answer is as long. */
export const MAX_TEXT_CHARS = 100_000;
/** A letter of a name before another: `J. K. Rowling` is `J.K. Rowling`. */
const INITIAL = /(?<![\p{L}\p{N}])(\p{Lu})\. (?=\p{Lu}\.)/gu;
/** Most signs at the end of a word that are looked at. */
const MAX_END = 16;

/**
 * Lower case, in compatibility form, without articles and punctuation, with single blanks. Signs stay where
 * they make another thing of it: between digits (`12:30`, `1.5`, `4-5`), before them (`-5`, `#5`), after a
 * name (`C++`, `C#`, `A-`), and in formulas. Empty where nothing but punctuation is left.
 */
export function textForm(text: string): string {
  const plain = plainCharacters(text.slice(0, MAX_TEXT_CHARS));
  const formula = formulaForm(plain);
  if (formula !== null) return formula;
  const words = withoutListBlanks(plain)
    .replace(INITIAL, '$1.')
    .replace(/ ?([+<>=±×÷√≤≥≠≈^*/]) ?/g, '$1')
    .replace(/(?<=\d) ?([:-]) ?(?=\d)/g, '$1')
    .split(/\s+/)
    .map(significant)
    .filter((word) => word !== '');
  return words
    .filter((word, at) => !isArticle(word, { at, of: words.length }))
    .join(' ')
    .replace(/ß/g, 'ss')
    .toLowerCase();
}

/** Points and lists of numbers: `(1, 2)` is `(1,2)`. */
function withoutListBlanks(text: string): string {
  return /^[-.\d, ()[\]{}]+$/.test(text) ? text.replaceAll(', ', ',') : text;
}

/** A word without the signs that say nothing. */
function significant(marked: string): string {
  const word = marked.replace(/^[*_]+|[*_]+$/g, '');
  // What follows the last letter or digit: `++` of `C++`, `-` of `A-`.
  const end = word.length - (/[^\p{L}\p{M}\p{N}]*$/u.exec(word.slice(-MAX_END))?.[0].length ?? 0);
  return word.replace(/[^\p{L}\p{M}\p{N}]/gu, (sign, at: number) => {
    const [before = '', after = ''] = [word[at - 1], word[at + 1]];
    if (/\d/.test(before) && /\d/.test(after)) return sign;
    if (/[-.#]/.test(sign) && /[\d.]/.test(after) && !/[\p{L}\p{N}]/u.test(before)) return sign;
    if (at >= end && (/[+#]/.test(sign) || (sign === '-' && at === 1)))
      return /[\p{L}+#]/u.test(before) ? sign : '';
    return /[+<>=±×÷√≤≥≠≈^%°\p{Sc}]/u.test(sign) || (sign === '/' && /\d/.test(before + after)) ? sign : '';
  });
}

/** An article before something; `Vitamin A` ends with none. */
function isArticle(word: string, { at, of }: { readonly at: number; readonly of: number }): boolean {
  return at < of - 1 && /^(?:a|an|the)$/i.test(word) && (word !== 'A' || at === 0);
}
