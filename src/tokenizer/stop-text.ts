/**
 * Ends a sample when its text contains a stop sequence. What was sampled stays whole: the sequence, and
 * whatever else its last token says, are part of the text and of the recorded tokens, because those are what
 * is trained on.
 */

/**
 * Characters of text that a cut before a token may change: a space that is dropped, or the bytes of half a
 * character.
 */
const margin = 8;

/**
 * Asked after each token of one sample with all of its tokens, says whether the text of them contains one of
 * the sequences and is confirmed to end there. Decodes only as many of the last tokens as a sequence may
 * reach back over, and all of them where one is found.
 */
export function stopsAt(
  sequences: readonly string[],
  decode: (tokens: readonly number[]) => string,
  confirm: (text: string) => boolean = (text) => sequences.some((sequence) => text.includes(sequence)),
): (tokens: readonly number[]) => boolean {
  const reach = Math.max(...sequences.map((sequence) => sequence.length)) + margin;
  const contains = (text: string) => sequences.some((sequence) => text.includes(sequence));
  let start = 0;
  return (tokens) => {
    // The text of the last tokens alone may begin otherwise than it does after the others: all of it decides.
    if (contains(decode(tokens.slice(start))) && confirm(decode(tokens))) return true;
    while (start < tokens.length && decode(tokens.slice(start + 1)).length >= reach) start++;
    return false;
  };
}
