/** Texts cut to a limit, between characters as people see them. */

/** How far back from a limit the beginning of a character is looked for: longer ones are cut all the same. */
const LONGEST_CHARACTER = 64;

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** The beginning of a text, of at most `most` UTF-16 units; no character is split. */
export function headOf(text: string, most: number): string {
  if (text.length <= most) return text.toWellFormed();
  const from = Math.max(0, most - LONGEST_CHARACTER);
  const cut = segmenter.segment(text.slice(from, most + LONGEST_CHARACTER)).containing(most - from);
  const end = cut === undefined || (from > 0 && cut.index === 0) ? most : from + cut.index;
  return text.slice(0, end).toWellFormed();
}

/** The end of a text, as `headOf`. */
function tailOf(text: string, most: number): string {
  const start = text.length - most;
  const before = headOf(text, start).length;
  return text.slice(before === start ? start : nextCharacter(text, before)).toWellFormed();
}

/** Where the character that begins at a place ends. */
function nextCharacter(text: string, at: number): number {
  const [first] = segmenter.segment(text.slice(at, at + LONGEST_CHARACTER));
  return at + (first?.segment.length ?? 1);
}

/** A text of at most about `max` units: its beginning and its end, and between them how much is missing. */
export function cutMiddle(text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed();
  const half = Math.floor(max / 2);
  const [head, tail] = [headOf(text, half), tailOf(text, half)];
  const left = text.length - head.length - tail.length;
  return `${head} [... ${left} characters left out ...] ${tail}`;
}
