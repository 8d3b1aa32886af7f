/**
 * The words of a text, as the index on disk has them: the same for articles and queries, and on every machine
 * (no dictionary of ICU's is asked, whose versions differ).
 *
 * - Case and diacritics are folded (`Łódź` is `lodz`, `straße` is `strasse`), compatibility forms too (`ﬁ`, `①`).
 *   Vowel signs of scripts in which they make another word (Devanagari, Thai) stay, and so do kana's voice marks.
 * - `R.E.M.` is `rem`, `1,234` is `1234`, `3.5` is one word, `Arthur's` is `arthur`; `c++` and `c#` are not `c`.
 * - Scripts that set no spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) give pairs of neighboring characters,
 *   as Lucene's CJKAnalyzer does, and Han characters by themselves too.
 */

/** Longer words are cut, as in `Search` in memory. */
const MAX_WORD = 64;

const NOT_ASCII = /\P{ASCII}/u;

/** In order: `c++`, acronyms, numbers in groups of three, numbers with points, words; a possessive `'s` is left out. */
const ASCII_WORD =
  /(?<![a-z0-9])[a-z](?:\+\+|#)|(?<![a-z0-9.])(?:[a-z]\.){2,}[a-z]?(?![a-z0-9])(?:'s(?![a-z0-9]))?|[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)+|[a-z0-9]+(?:'s(?![a-z0-9]))?/g;

const W = '\\p{L}\\p{N}\\p{M}';
const WORD = new RegExp(
  [
    `(?<![${W}])\\p{L}(?:\\+\\+|#)`,
    `(?<![${W}.])(?:\\p{L}\\.){2,}\\p{L}?(?![${W}])(?:['’]s(?![${W}]))?`,
    '\\p{Nd}{1,3}(?:,\\p{Nd}{3})+(?!\\p{Nd})(?:\\.\\p{Nd}+)?',
    '\\p{Nd}+(?:\\.\\p{Nd}+)+',
    `[${W}]+(?:['’]s(?![${W}]))?`,
  ].join('|'),
  'gu',
);

/** Marks that make no other word, and characters that are not seen. */
const FOLDED_MARKS =
  /(?=\p{M})(?![\u3099\u309a])\p{Script=Inherited}|[\u0591-\u05bd\u05bf\u05c1-\u05c7\u00ad\u0640\u200b-\u200d\u2060\ufeff]/gu;

/** Letters that Unicode does not take apart, as Lucene's ASCIIFoldingFilter has them. */
const LETTERS: Readonly<Record<string, string>> = {
  ...{ ø: 'o', ł: 'l', đ: 'd', ð: 'd', ħ: 'h', ı: 'i', ŧ: 't', ŋ: 'n', ĸ: 'q', þ: 'th', ß: 'ss' },
  ...{ æ: 'ae', œ: 'oe', ς: 'σ' },
};
const FOLDED_LETTERS = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu');

const SPACELESS = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{Script_Extensions=${script}}`)
  .join('');
const HAS_SPACELESS = new RegExp(`[${SPACELESS}]`, 'u');
/** A run of one script that sets no spaces, or what stands between two. */
const RUN = new RegExp(`(?:(?=[${SPACELESS}])[${W}])+|(?:(?![${SPACELESS}])[${W}])+`, 'gu');
/** A character with its marks. */
const CHARACTER = /\P{M}\p{M}*|\p{M}+/gu;
const HAN = /^\p{Script=Han}/u;

/** The words, in order, repeated where they are. */
export function wordsOf(text: string): string[] {
  const lower = text.toLowerCase();
  if (!NOT_ASCII.test(lower)) return (lower.match(ASCII_WORD) ?? []).map(plain);
  const folded = lower
    .normalize('NFKD')
    .replace(FOLDED_MARKS, '')
    .normalize('NFC')
    // What NFKD gives may have capitals, such as `ᴬ`.
    .toLowerCase()
    .replace(FOLDED_LETTERS, (letter) => LETTERS[letter] ?? letter);
  const words = folded.match(WORD) ?? [];
  if (!HAS_SPACELESS.test(folded)) return words.map(plain);
  return words.flatMap((word) => (HAS_SPACELESS.test(word) ? spaceless(word) : [plain(word)]));
}

/** Without the points of an acronym, the commas of a number, and the possessive. */
function plain(word: string): string {
  let bare = word;
  const end = bare.length;
  const mark = end > 2 ? bare.charCodeAt(end - 2) : 0;
  if (mark === 0x27 || mark === 0x2019) bare = bare.slice(0, end - 2);
  if (bare.includes('.') && !/^\p{Nd}/u.test(bare)) bare = bare.replaceAll('.', '');
  if (bare.includes(',')) bare = bare.replaceAll(',', '');
  return bare.length > MAX_WORD ? bare.slice(0, MAX_WORD).toWellFormed() : bare;
}

function spaceless(word: string): string[] {
  return (word.match(RUN) ?? []).flatMap((run) => {
    if (!HAS_SPACELESS.test(run)) return [plain(run)];
    const characters = (run.match(CHARACTER) ?? []).map(plain);
    if (characters.length === 1) return characters;
    const pairs = characters.slice(1).map((character, i) => `${characters[i]}${character}`);
    return [...characters.filter((character) => HAN.test(character)), ...pairs];
  });
}
