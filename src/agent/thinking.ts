/**
 * Thinking: what a model writes to itself before it acts, between marks such as `<think>` and `</think>`. It
 * stays in the record and is never read for tags or stop sequences.
 */
import { z } from 'zod';

const mark = z.string().min(1).max(64);

export const thinkingConfig = z
  .array(z.strictObject({ open: mark, close: mark }))
  .max(8)
  .default([{ open: '<think>', close: '</think>' }])
  .describe(
    'The marks around what the model thinks. What stands between them is kept, and never read for tags.',
  );

export type ThinkingMarks = z.output<typeof thinkingConfig>;

/** The marks that models use unless a topology says otherwise. */
export const THINKING_MARKS: ThinkingMarks = thinkingConfig.parse(undefined);

/**
 * A message with what was thought before it, in the marks that chat templates look for in a message's text.
 * Templates that drop older thinking drop it there.
 */
export function withReasoning(message: {
  readonly content: string;
  readonly reasoning?: string | null;
}): string {
  const { content, reasoning } = message;
  const [{ open, close }] = THINKING_MARKS;
  return reasoning ? `${open}\n${reasoning}\n${close}\n\n${content}` : content;
}

/** A stretch of a text, by its first character and the one after its last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where a text is read, and whether it ends within thinking. */
export interface Outside {
  readonly spans: readonly Span[];
  readonly endsInside: boolean;
}

/**
 * The stretches of a text that are outside thinking. Thinking that is not closed goes on to the end. A
 * closing mark before any opening one ends thinking that the prompt opened (DeepSeek-R1's and Qwen 3's
 * templates do); `startsInside` says so before that mark is written. Upper and lower case are the same. Takes
 * time linear in the text's length, for each pair of marks.
 */
export function outsideThinking(
  written: string,
  asGiven: ThinkingMarks,
  { startsInside = false }: { readonly startsInside?: boolean } = {},
): Outside {
  const text = lowerCase(written);
  const marks = asGiven.map(({ open, close }) => ({ open: lowerCase(open), close: lowerCase(close) }));
  const spans: Span[] = [];
  let position = thinkingFromTheStart(text, marks, startsInside);
  if (position === null) return { spans, endsInside: true };
  const next = marks.map(({ open }) => new Finder(text, open));
  while (position <= text.length) {
    const at: number = position;
    const starts = next.map((finder) => finder.from(at));
    const start = Math.min(...starts, text.length);
    if (start > at) spans.push({ start: at, end: start });
    if (start === text.length) break;
    const { open, close } = marks[starts.indexOf(start)];
    const end = text.indexOf(close, start + open.length);
    if (end < 0) return { spans, endsInside: true };
    position = end + close.length;
  }
  return { spans, endsInside: false };
}

/** With small Latin letters. Those of other scripts stay, as some change a text's length. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * Where the text goes on after thinking that was under way at its start; 0: none was; null: it does not end.
 */
function thinkingFromTheStart(text: string, marks: ThinkingMarks, startsInside: boolean): number | null {
  let first: number | null = null;
  for (const { open, close } of marks) {
    const closing = text.indexOf(close);
    if (closing < 0) continue;
    const opening = text.indexOf(open);
    if (!startsInside && opening >= 0 && opening < closing) continue;
    if (first === null || closing + close.length < first) first = closing + close.length;
  }
  return first ?? (startsInside ? null : 0);
}

/** Finds a text from positions that only grow, reading no stretch twice. */
class Finder {
  readonly #text: string;
  readonly #wanted: string;
  #found = -1;

  constructor(text: string, wanted: string) {
    this.#text = text;
    this.#wanted = wanted;
  }

  /** The first place at or after a position; beyond the text where there is none. */
  from(position: number): number {
    if (this.#found < position) {
      const found = this.#text.indexOf(this.#wanted, position);
      this.#found = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#found;
  }
}
