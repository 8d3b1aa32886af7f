/**
 * Marks around an answer that say nothing: emphasis, quotation marks, brackets, headings, a final stop, signs
 * such as a tick, the end of a turn.
 */

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
  /^【([^【】]*)】$/,
  /^\*{1,3}([^*]*)\*{1,3}$/,
  /^_{1,3}([^_]*)_{1,3}$/,
];
/** How often they may stand in each other. */
const MAX_NESTING = 10;

/** What ends a turn where a server leaves it in the text: `<|im_end|>`, `</s>`. */
const TURN_ENDS = /<\|\w{1,32}\|>|<\/s>|<(?:end_of_turn|eos)>/g;
/** HTML's emphasis and breaks. */
const HTML = /<\/?(?:b|i|u|em|strong|p|span|center|code)>|<br ?\/?>/gi;
/** Pictures before and after something: `✅ 72`. */
const PICTURES =
  /^(?:\p{Emoji_Presentation}\uFE0F? ?)+(?=[^\s\p{Emoji_Presentation}])|(?<=[\p{L}\p{N}%.!)]) ?(?:\p{Emoji_Presentation}\uFE0F? ?)+$/gu;

/** The text without what ends a turn. */
export function withoutTurnEnds(text: string): string {
  return text.includes('<') ? text.replace(TURN_ENDS, '') : text;
}

/** The text without HTML's emphasis. */
export function withoutHtml(text: string): string {
  return text.includes('<') ? text.replace(HTML, '') : text;
}

/** The text without what stands around it, on one line. */
export function withoutMarks(marked: string): string {
  const text = withoutHtml(withoutTurnEnds(marked));
  let out = text.replace(/\s+/g, ' ').replace(/(^| )[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}(?=$|[ .,:;!])/g, '$1');
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    const before = out;
    out = out
      .trim()
      .replace(PICTURES, '')
      .replace(/^(?:#+|>+|[*•]) +(?=\S)/, '')
      .replace(/(?<=[^.\s])[.。!,;:]$|(?<=\s)[.。!]$/, '')
      .trim();
    for (const pair of PAIRS) out = out.replace(pair, '$1');
    if (out === before) break;
  }
  return out;
}
