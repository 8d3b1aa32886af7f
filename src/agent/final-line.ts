/** Reads what a model says at the end of its reply, after its explanation. */

/**
 * What the last line says: the text after `LABEL:`, or the whole line where it has no such label, without
 * emphasis and final stop. Only the last line with a letter or digit counts, so what an explanation quotes or
 * discusses does not. The caller compares the result as a whole: `NOT GOOD` is not `GOOD`.
 */
export function finalLine(reply: string, label: 'verdict' | 'reward' | 'correct'): string {
  const line =
    reply
      .trimEnd()
      .split('\n')
      .findLast((candidate) => /[\p{L}\p{N}]/u.test(candidate)) ?? '';
  const plain = line
    .replace(/[*_`#>"'“”‘’]/g, '')
    .trim()
    .replace(/[.!]$/, '');
  const labeled = new RegExp(`^(?:(?:my|the|final|overall) )*${label}\\s*(?::|=|is\\b)?(.*)$`, 'i').exec(
    plain,
  );
  return (labeled?.[1] ?? plain).trim();
}
