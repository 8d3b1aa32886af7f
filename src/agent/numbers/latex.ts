/**
 * LaTeX as models write it around and inside of answers, turned into plain text. What is not known stays as
 * it is.
 */

/** The most boxes that are looked at. */
const MAX_BOXES = 16;
/** How often wrappers may stand in each other. */
const MAX_NESTING = 8;

const WRAPPERS = new RegExp(
  String.raw`\\(?:text(?:bf|it|rm|sf|tt|normal)?|math(?:rm|bf|it|sf|bb|tt)|mbox|hbox|operatorname|` +
    String.raw`ensuremath|underline|emph|boldsymbol|bm)\s*\{([^{}]*)\}`,
  'g',
);
const FRACTIONS = /(\d)?\\(?:[dtc]?frac|sfrac|nicefrac)\s*(?:\{([^{}]*)\}|(\d))\s*(?:\{([^{}]*)\}|(\d))/g;

/**
 * The text without its LaTeX: `\frac{3}{4}` is `3/4`, `10^{2}` is `10^2`, and `\boxed{10}` alone counts where
 * there is one (all of them, where several say the same).
 */
export function withoutLatex(text: string): string {
  if (!/[\\${]/.test(text)) return text;
  const boxed = boxes(text);
  const [first] = boxed;
  if (first !== undefined && boxed.every((box) => box.trim() === first.trim())) return plain(first);
  return plain(text);
}

function plain(text: string): string {
  let out = text
    .replace(/\\[()[\]]|(?<!\\)\$\$/g, ' ')
    // A dollar is a delimiter where what it encloses touches it, and no digit follows: `$5 and $6` are
    // amounts.
    .replace(/(?<!\\)\$(?=\S)([^$\n]*?[^\s\\$])\$(?!\d)/g, '$1')
    .replace(/\\(?:left|right|displaystyle|bigl?|bigr?)(?![A-Za-z])|\\\\(?=\s|$)/g, '')
    .replace(/~(?=\\)/g, ' ')
    .replace(/\\(?:implies|Rightarrow|therefore)(?![A-Za-z])/g, '⇒')
    .replace(/\\infty(?![A-Za-z])/g, '∞')
    .replace(/\{,\}/g, ',')
    .replace(/\\!/g, '')
    .replace(/\\(?:[,;: ]|quad|qquad)/g, ' ')
    .replace(/\^?\s*\{?\\(?:circ|degree)(?![A-Za-z])\s*\}?/g, '°')
    .replace(/\\([$%#&_])/g, '$1')
    .replace(/\\(?:times|cdot)(?![A-Za-z])/g, '×')
    .replace(/\\div(?![A-Za-z])/g, '÷')
    .replace(/\\pm(?![A-Za-z])/g, '±')
    .replace(/\\approx(?![A-Za-z])/g, '≈')
    .replace(/\\pi(?![A-Za-z])/g, 'π')
    .replace(/\\(?:l?dots|cdots)(?![A-Za-z])/g, '...')
    .replace(/\\overline\s*\{(\d+)\}/g, '($1)');
  for (let depth = 0; depth < MAX_NESTING && /[\\{]/.test(out); depth++) {
    const next = out
      .replace(WRAPPERS, '$1')
      .replace(
        /\\sqrt\s*\[([34])\]\s*\{([^{}]*)\}/g,
        (_, n, inner) => `${n === '3' ? '∛' : '∜'}${bracketed(inner)}`,
      )
      .replace(/\\sqrt\s*(?:\{([^{}]*)\}|(\d))/g, (_, inner, short) => `√${bracketed(inner ?? short)}`)
      .replace(FRACTIONS, (_, before, a, shortA, b, shortB) => {
        const fraction = `${bracketed(a ?? shortA)}/${bracketed(b ?? shortB)}`;
        return before === undefined ? fraction : `${before} ${fraction}`;
      })
      .replace(/\^\{([^{}\\]*)\}/g, (_, inner) => `^${bracketed(inner)}`)
      .replace(/(?<![\\A-Za-z}])\{([^{}\\]*)\}/g, '$1');
    if (next === out) break;
    out = next;
  }
  return out.replace(/\\([{}])/g, '$1');
}

/** What stands in the boxes. */
function boxes(text: string): string[] {
  const found: string[] = [];
  let seen = 0;
  for (const match of text.matchAll(/\\(?:boxed|fbox)\s*(?:\{|(?<=\s)([^\s{$\\]+))/g)) {
    if (++seen > MAX_BOXES) break;
    if (match[1] !== undefined) {
      found.push(match[1].replace(/[.,]$/, ''));
      continue;
    }
    const from = match.index + match[0].length;
    const to = closing(text, from);
    if (to !== null) found.push(text.slice(from, to));
  }
  return found;
}

/** Where the brace closes that was opened before `from`; null: nowhere. */
function closing(text: string, from: number): number | null {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return null;
}

function bracketed(part: string): string {
  const inner = part.trim();
  return /^[-+]?[\d.,]+$|^\p{L}$/u.test(inner) ? inner : `(${inner})`;
}
