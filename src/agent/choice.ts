/** Letters of multiple choice: `A`, `(A)`, `a.`, `Option A`, `(A) Paris`. */
import { withoutMarks } from './numbers/marks.ts';

interface Choice {
  readonly letter: string;
  /** What stands after it. */
  readonly text: string;
}

/** The letter that a text chooses, in upper case; null where it is something else. */
export function readChoice(text: string): Choice | null {
  const bare = /^(?:(?:option|choice|answer):? +)?[([{]?([A-Za-z])[)\]}]?[.):]?$/i.exec(withoutMarks(text));
  if (bare !== null) return { letter: (bare[1] as string).toUpperCase(), text: '' };
  const labelled =
    /^(?:(?:[Oo]ption|[Cc]hoice|[Aa]nswer):? +)?[([]?([A-Z])(?:[)\].:]+| [-–—]) +(\S.*)$/s.exec(text.trim());
  if (labelled === null) return null;
  const [, letter = '', after = ''] = labelled;
  return /^(?:or|and|nor)\b|[,;/]? *(?:\(|\b)[A-Z](?:[).]|$)/.test(after) ? null : { letter, text: after };
}
