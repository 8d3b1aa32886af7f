/** Formulas as answers: `2(x+1)` is not `2x+1`, so their brackets and signs all count. */

/** Longer texts are no formulas. */
const MAX_CHARS = 400;

/** Numbers, names of one or two letters, functions, signs and brackets, and nothing else. */
const FORMULA =
  /^(?:\d|[.,]|(?<!\p{L})(?:\p{L}{1,2}|sin|cos|tan|log|exp|sqrt|max|min|mod|pi)(?!\p{L})|[-+×÷√∛∜±*/^=<>≤≥≠≈!|()[\]{}° ])+$/u;
/** What makes it more than a name: a sign of an operation, or something in brackets beside something else. */
const OPERATION = /[+×÷√∛∜±*/^=<>≤≥≠≈]|[\p{L}\d)] ?\([^()]*[-+]|\)-|-\(/u;

/**
 * A formula without blanks, with round brackets alone, without those that change nothing; null: it is none.
 * `text` is in plain characters.
 */
export function formulaForm(text: string): string | null {
  if (text.length > MAX_CHARS) return null;
  const round = text
    .trim()
    .replace(/[.,;!]$/, '')
    .replace(/[[{]/g, '(')
    .replace(/[\]}]/g, ')');
  if (!FORMULA.test(round) || !OPERATION.test(round) || !/[\p{L}\d]/u.test(round)) return null;
  const joined = round.replaceAll(' ', '').replaceAll('**', '^').replaceAll('*', '×').toLowerCase();
  return (
    withoutOuter(joined)
      // A number or a letter alone, and products before a fraction's stroke.
      .replace(/(?<![\p{L}\d])\((-?[\d.]+|\p{L})\)(?!\^)/gu, '$1')
      .replace(/(?<=^|[-+=(])\(((?:[√\p{L}\d.]|\([^()]*\))+)\)(?=\/)/gu, '$1')
      .replace(/\^\((-?(?:[\d.]+|\p{L}))\)/gu, '^$1')
  );
}

/** The text without brackets around the whole of it. */
function withoutOuter(text: string): string {
  if (!text.startsWith('(')) return text;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0)
      return at === text.length - 1 ? withoutOuter(text.slice(1, -1)) : text;
  }
  return text;
}
