/**
 * Text that models, tools and pages wrote, on its way to a page: bounded, free of what changes how other text
 * is read, and without secrets. It stays text all the way: the page never takes any of it for markup.
 */

/** A text as the page has it. */
export interface ShownText {
  readonly text: string;
  /** How many characters there are, where only the beginning is shown. */
  readonly of?: number;
}

/** Removes what must not be seen: the values of the variables that a topology names, wherever they stand. */
export type Redact = (text: string) => string;

/** Of one text; a trajectory has a few of them at each step. */
const LONGEST = 20_000;
/** Shorter values of secret variables are found in ordinary words. */
const SHORTEST_SECRET = 6;
const MARK = '[redacted]';

/**
 * Control characters but for line ends and tabs; marks that turn the direction of what stands beside them, and
 * characters that are not seen.
 */
const UNSEEN =
  /(?![\t\n\r])\p{Cc}|[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

export function shownText(text: string, redact: Redact, most = LONGEST): ShownText {
  // Redacted before it is cut: half a secret is one too.
  const whole = redact(text.slice(0, most + 4096)).slice(0, most);
  const shown = whole.toWellFormed().replace(UNSEEN, '\ufffd');
  return text.length > most ? { text: shown, of: text.length } : { text: shown };
}

/** One line of it, for lists. */
export function shownLine(text: string, redact: Redact, most = 200): string {
  const line = shownText(text.slice(0, most * 4), redact)
    .text.replace(/\s+/g, ' ')
    .trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

/**
 * What a topology's secrets are: the values of all variables that its keys name (`apiKeyEnv`, `tokenEnv`,
 * `headersEnv` and the like).
 */
export function redactOf(topology: unknown, env: Readonly<Record<string, string | undefined>>): Redact {
  const secrets = variablesIn(topology)
    .map((name) => env[name]?.trim() ?? '')
    .filter((value) => value.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length);
  if (secrets.length === 0) return (text) => text;
  return (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, MARK), text);
}

function variablesIn(value: unknown, isName = false): string[] {
  if (typeof value === 'string') return isName ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => variablesIn(part, isName || /env$/i.test(key)));
}

/** Keys whose values are secrets or may be, unless they name a variable. */
const SECRET_KEY = /header|token$|secret|password|credential|apikey|^env$/i;

/** A setting as it may be shown. */
export function shownSetting(path: readonly string[], value: unknown, redact: Redact): string {
  const isSecret =
    path.some((key) => SECRET_KEY.test(key)) && !path.some((key) => /env$/i.test(key) && key !== 'env');
  if (isSecret && typeof value === 'string') return MARK;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // User and password of a URL, and a query, in which keys are passed.
  const bare = text
    .replace(/(\w+:\/\/)[^/@\s]*@/g, `$1${MARK}@`)
    .replace(/(\w+:\/\/[^\s?]*)\?\S+/g, `$1?${MARK}`);
  return shownLine(bare, redact, 300);
}
