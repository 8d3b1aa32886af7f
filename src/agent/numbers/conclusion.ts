/** The words around an answer that only say that it is one: `So the answer is`, `Ans.`, `is correct`. */

const LEAD = new RegExp(
  '^(?:(?:so|thus|therefore|hence|and|then),? +)*' +
    '(?:(?:(?:the|my) +)?(?:(?:final|correct|right|best) +)*(?:answer|option|choice|ans)(?: +(?:option|choice))?' +
    String.raw`(?:\.? *[:=] *|(?<=ans)\. *| +(?:is|would be|should be|must be)(?: *: *| +))|` +
    String.raw`i(?: would|'d|’d)? +(?:choose|pick|select) +)(?=\S)`,
  'i',
);
/** A number may follow at once; a name such as `So Far Away` begins with one of these itself. */
const THEREFORE = /^(?:(?:so|thus|therefore|hence|finally)(?:, +|:? +(?=[-+$€£]?\d)))+(?=\S)/i;
const TAIL =
  /(?<=\S) +is +(?:(?:the|my) +(?:(?:final|correct|right|best) +)*(?:answer|option|choice)|correct|right)[.!]?$/i;

/** The text without them. */
export function withoutConclusion(text: string): string {
  return text.replace(TAIL, '').replace(LEAD, '').replace(THEREFORE, '');
}
