/** Text that models and tools wrote, made safe and short for a terminal. */

/**
 * One line: white space as single spaces, control characters (which could move the cursor or recolor the
 * screen) and direction marks as U+FFFD, cut to `width` characters.
 */
export function printable(text: string, width = 200): string {
  const clean = text
    .slice(0, width * 4)
    .replace(/\s+/g, ' ')
    .replace(
      /[\p{Cc}\p{Co}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu,
      '\ufffd',
    )
    .trim();
  const characters = [...clean];
  return characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : clean;
}
