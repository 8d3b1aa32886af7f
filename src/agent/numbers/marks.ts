/** Marks around an answer that say nothing: emphasis, quotation marks, brackets, headings, a final stop. */

const PAIRS: readonly RegExp[] = [
  /^\(([^()]*)\)$/,
  /^\[([^[\]]*)\]$/,
  /^\{([^{}]*)\}$/,
  /^"([^"]*)"$/,
  /^'([^']*)'$/,
  /^`+([^`]*)`+$/,
  /^“([^“”]*)”$/,
  /^‘([^‘’]*)’$/,
  /^«([^«»]*)»$/,
  /^„([^„“”]*)[“”]$/,
  /^「([^「」]*)」$/,
  /^\*{1,3}([^*]*)\*{1,3}$/,
  /^_{1,3}([^_]*)_{1,3}$/,
];
/** How often they may stand in each other. */
const MAX_NESTING = 10;

/** The text without what stands around it, on one line. */
export function withoutMarks(text: string): string {
  let out = text.replace(/\s+/g, ' ').replace(/(^| )[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}(?=$|[ .,:;!])/g, '$1');
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    const before = out;
    out = out
      .trim()
      .replace(/^(?:#+|>+) +/, '')
      .replace(/(?<=[^.\s])[.。!,;:]$|(?<=\s)[.。!]$/, '')
      .trim();
    for (const pair of PAIRS) out = out.replace(pair, '$1');
    if (out === before) break;
  }
  return out;
}
