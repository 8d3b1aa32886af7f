/**
 * Reads what a model that was asked for one word or number said, in the forms in which models say it: after
 * its label, on a line by itself, in JSON, in a box. All that it said must agree: an explanation may quote
 * the text under review, and whoever gets itself quoted must not decide. What it thought is not read.
 */
import { plainCharacters } from './numbers/characters.ts';
import { withoutHtml, withoutTurnEnds } from './numbers/marks.ts';
import { outsideThinking, THINKING_MARKS, type ThinkingMarks } from './thinking.ts';

/** A value at the beginning of a text, and what comes after it. */
export interface Said<T> {
  /** Null where something was said that is no value, or two. */
  readonly value: T | null;
  readonly rest: string;
}

export interface ReplyForm<T> {
  /**
   * What stands before the value, in lower case: the first is asked for, the others are what models call it.
   */
  readonly labels: readonly string[];
  /** Reads a value at the beginning of a text; null where the text does not begin with one. */
  readonly read: (text: string) => Said<T> | null;
  readonly same: (a: T, b: T) => boolean;
  /** Whether what comes after the value speaks of another one. */
  readonly contradicts: (value: T, after: string) => boolean;
}

export interface ReplyOptions {
  readonly marks?: ThinkingMarks | undefined;
  /** Whether the prompt opened the thinking. */
  readonly startsInside?: boolean | undefined;
}

/** Longer replies lose their beginning: the value is asked for at the end. */
const MAX_CHARS = 100_000;
/** JSON objects that are looked at. */
const MAX_OBJECTS = 16;

/** The one value that a reply says; null where it says none, several, or one that is no value. */
export function readReply<T>(reply: string, form: ReplyForm<T>, options: ReplyOptions = {}): T | null {
  const text = plainCharacters(withoutThinking(reply, options).slice(-MAX_CHARS));
  const { found, rest } = readObjects(text, form);
  const lines = rest.split('\n').map(plainLine);
  const labeled = lines.flatMap((line, at) => statements(line, lines, { at, form }));
  const last = labeled.at(-1)?.at ?? -1;
  const said = [...found, ...labeled.map(({ value }) => value)];
  const whole = lines.flatMap((line) => bareLine(line, form));
  const values = said.length > 0 ? [...said, ...whole] : whole.length > 0 ? whole : leading(lines, form);
  const [value] = values;
  if (value === undefined || value === null) return null;
  if (!values.every((other) => other !== null && form.same(value, other))) return null;
  const after = last < 0 ? '' : lines.slice(last + 1).join('\n');
  return HEDGE.test(after) || form.contradicts(value, after) ? null : value;
}

/** What comes after a value and takes it back. */
const HEDGE = new RegExp(
  String.raw`(?:^|[.!?\n])\s*(?:(?:or|wait|hmm+|correction|actually|scratch that)\b|no(?=[,;:.!?]| [-–—]|\s*$))|` +
    String.raw`\bnot (?:sure|certain)\b|\b(?:take|took) (?:that|this|it) back\b|` +
    String.raw`\b(?:unsure|uncertain|reconsider\w*|on reflection|second thoughts?|change my|retract)\b`,
  'i',
);

/** A remark in brackets, which offers no other value: `GOOD (it is new)`, not `GOOD (or BAD)`. */
const REMARK = /^ ?\((?!(?:or|maybe|perhaps)\b)[^()]*\)[.!]?$/i;

/** What comes before a label that is not said, or said by another. */
const ANOTHERS =
  /n[’']t\b|\b(?:not|never|if|unless|were|says|said|wrote|writes|ends|claim\w*|ask\w*|want\w*|tell\w*|told|idea|instead|rather)\b|\bno $/i;

function withoutThinking(
  reply: string,
  { marks = THINKING_MARKS, startsInside = false }: ReplyOptions,
): string {
  const { spans } = outsideThinking(reply, marks, { startsInside });
  return spans.map(({ start, end }) => reply.slice(start, end)).join('\n');
}

/** What JSON objects say under a label, and the text without them. */
function readObjects<T>(
  text: string,
  form: ReplyForm<T>,
): { readonly found: (T | null)[]; readonly rest: string } {
  const whole = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  const candidates = [
    whole,
    ...[...text.matchAll(/\{[^{}]*\}/g)].slice(0, MAX_OBJECTS).map(([object]) => object),
  ];
  const found: (T | null)[] = [];
  let rest = text;
  for (const object of candidates) {
    const value = rest.includes(object) ? readObject(object, form) : undefined;
    if (value === undefined) continue;
    found.push(value);
    rest = rest.replace(object, () => '');
  }
  return { found, rest };
}

/** Undefined where it is no JSON object, or has no such key. */
function readObject<T>(text: string, { labels, read }: ReplyForm<T>): T | null | undefined {
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof object !== 'object' || object === null) return undefined;
  const entries = Object.entries(object).filter(([key]) => labels.includes(key.toLowerCase()));
  const [entry] = entries;
  if (entry === undefined) return undefined;
  // JSON.parse takes the last of equal keys.
  const keys = text.match(new RegExp(String.raw`"(?:${labels.join('|')})"\s*:`, 'gi')) ?? [];
  if (entries.length > 1 || keys.length > 1 || typeof entry[1] === 'object') return null;
  const said = read(plainLine(String(entry[1])));
  return said !== null && /^[.!]?$/.test(said.rest) ? said.value : null;
}

/** A line without Markdown, LaTeX, quotation marks, tags and ends of turns around its words. */
function plainLine(line: string): string {
  let out = withoutHtml(withoutTurnEnds(line))
    .replaceAll('。', '.')
    .replace(/^(?:\s*[>|])+|\|\s*$/g, '')
    // What may be said, beside the label: `VERDICT [GOOD/BAD]: GOOD`.
    .replace(/\[([^[\]]*)\](?= ?:)/g, '($1)')
    .replace(/\\[dt]?frac\{(\d+)\}\{(\d+)\}/g, '$1/$2');
  for (let depth = 0; depth < 4 && out.includes('\\'); depth++) {
    out = out.replace(/\\(?:boxed|fbox|text(?:bf|it|rm)?|math(?:bf|rm))\s*\{([^{}]*)\}/g, '$1');
  }
  return out
    .replace(/<(\/?)([a-z_]+)>/gi, (_, closing: string, name: string) =>
      closing === '' ? ` ${name}: ` : ' ',
    )
    .replace(/[*_`#"“”«»„‹›「」『』$[\]]|(?<!\p{L})['‘’]|['‘’](?!\p{L})|\\[()[\]]|\p{So}|\uFE0F/gu, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^\(([^()]*)\)$/, '$1')
    .replace(/^(?:[-•–—] (?!\d)|\d{1,2}[.)] (?=\p{L}))+/u, '');
}

interface Place<T> {
  readonly at: number;
  readonly form: ReplyForm<T>;
}

/** What a line says after a label; a label alone says what the next line does. */
function statements<T>(
  line: string,
  lines: readonly string[],
  { at, form }: Place<T>,
): { readonly value: T | null; readonly at: number }[] {
  const [asked] = form.labels;
  const label = new RegExp(String.raw`(?<![\p{L}\p{N}])(${form.labels.join('|')})(?![\p{L}\p{N}])`, 'giu');
  return [...line.matchAll(label)].flatMap((match) => {
    const after = line.slice(match.index + match[0].length);
    const separator =
      /^ ?(?:\([^()]*\) ?|(?:for|on) (?:the|this) [\p{L} ]{1,40}?(?=:| is ) ?)?(?:(?:[-=]>|[:=→⇒]) ?|[-–—] |(?:is(?: therefore| thus| clearly)?|of|(?:would|must|should) be)(?: ?[:=])? )?[^\p{L}\p{N}+\-−.½<>≤≥±∓√]*/u.exec(
        after,
      );
    const [joint = ''] = separator ?? [];
    // Only the label that is asked for needs no colon, or no dash after the label that begins the line.
    const colon = /[:=]/.test(joint) || (match.index === 0 && /[-–—] $/.test(joint));
    if (match[1]?.toLowerCase() !== asked && !colon) return [];
    const rest = after.slice(joint.length);
    const clause =
      line
        .slice(0, match.index)
        .split(/[.!?] /)
        .at(-1) ?? '';
    const next = lines.findIndex((other, index) => index > at && other !== '');
    const alone = /[:=]/.test(joint) || /^(?:(?:my|the|final|overall) )*$/i.test(line.slice(0, match.index));
    const [text, end] = rest === '' && alone && next > at ? [lines[next] as string, next] : [rest, at];
    const said = form.read(text);
    if (said === null) return [];
    return [{ value: ends(said, form) && !ANOTHERS.test(clause) ? said.value : null, at: end }];
  });
}

/** A line that is a value, and at most a remark in brackets. */
function bareLine<T>(line: string, form: ReplyForm<T>): (T | null)[] {
  const said = form.read(line);
  return said !== null &&
    said.value !== null &&
    (/^[.!]?$/.test(said.rest) || REMARK.test(said.rest.replace(/^[.!]/, '')))
    ? [said.value]
    : [];
}

/** Where nothing else is said: the value that the first or the last line begins with. */
function leading<T>(lines: readonly string[], form: ReplyForm<T>): (T | null)[] {
  const written = lines.filter((line) => line !== '');
  return [...new Set([written[0], written.at(-1)])].flatMap((line = '') => {
    const said = form.read(line);
    return said !== null &&
      said.value !== null &&
      /^(?: ?[–—:(]| -|-(?!\p{L})|,? (?:because|since)\b)/u.test(said.rest) &&
      ends(said, form)
      ? [said.value]
      : [];
  });
}

/** Whether what follows a value on its line leaves it as it is. */
function ends<T>({ value, rest }: Said<T>, { contradicts }: ReplyForm<T>): boolean {
  if (value === null) return false;
  if (/^ ?[.!;,)}\]]*$/.test(rest)) return true;
  if (REMARK.test(rest)) return true;
  return (
    /^(?: ?[–—:(]| -|-(?!\p{L})|[.!;] |,? (?:because|since|as|for)\b)/u.test(rest) &&
    !contradicts(value, rest) &&
    !HEDGE.test(rest)
  );
}
