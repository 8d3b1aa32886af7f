/**
 * What can be known of a stranger's `tokenizer.json` before any of it is used: ids that no array could hold,
 * parts that multiply a text, or never come to its end.
 */
import { DataError } from '../errors.ts';

/** Ids are below this, as vocabularies are. */
const MOST_IDS = 2 ** 24;
/** How many times as long a tokenizer's parts may make a text; those in use reach 4. */
const MOST_GROWTH = 64;
const MOST_PARTS = 256;
const LONGEST_EXPRESSION = 10_000;

/** Parts of the JSON that work on text: normalizer, pre_tokenizer, decoder. */
export interface TokenizerParts {
  readonly ids: Iterable<number>;
  readonly parts: Readonly<Record<string, unknown>>;
}

/** Throws `DataError`, with the part's name, where one is not to be used. */
export function checkParts({ ids, parts }: TokenizerParts, where: string): void {
  for (const id of ids) {
    if (id >= MOST_IDS) throw new DataError(`${where}: expected ids below ${MOST_IDS}, found ${id}`);
  }
  for (const [name, part] of Object.entries(parts)) {
    const refuse = (expected: string, found: unknown) => {
      throw new DataError(`${where}: ${name}: expected ${expected}, found ${found}`);
    };
    let growth = 1;
    for (const object of objectsOf(part, refuse)) growth *= growthOf(object, refuse);
    if (growth > MOST_GROWTH) {
      refuse(`parts that make a text at most ${MOST_GROWTH} times as long`, `up to ${growth} times`);
    }
  }
}

/** Whether any of these parts has a regular expression of the folder's own. */
export function hasExpression(part: unknown): boolean {
  return [...objectsOf(part, () => {})].some((object) => isText(object.Regex));
}

type Refuse = (expected: string, found: unknown) => void;
type Json = Readonly<Record<string, unknown>>;

/** All objects in the JSON, outer ones first. */
function* objectsOf(part: unknown, refuse: Refuse): Generator<Json> {
  const open: unknown[] = [part];
  let count = 0;
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (++count > MOST_PARTS) {
      refuse(`at most ${MOST_PARTS} parts`, 'more');
      return;
    }
    if (!Array.isArray(value)) yield value as Json;
    open.push(...Object.values(value).slice(0, MOST_PARTS + 1));
  }
}

/** How many times as long one part may make a text. */
function growthOf(part: Json, refuse: Refuse): number {
  const { type, Regex: expression } = part;
  if (isText(expression) && expression.length > LONGEST_EXPRESSION)
    refuse(`expressions of at most ${LONGEST_EXPRESSION} characters`, expression.length);
  if (type === 'FixedLength' && !(Number(part.length) >= 1)) refuse('a length of at least 1', part.length);
  const added = [part.content, part.replacement, part.prepend, part.str_rep].filter(isText);
  const [longest = 0] = added.map((text) => text.length).sort((a, b) => b - a);
  if (type === 'Prepend') return 1 + longest;
  if (type === 'Metaspace') return Math.max(1, longest);
  if (type !== 'Replace') return 1;
  // What a replacement says after a dollar is not taken literally: it may be all of the text.
  if (isText(part.content) && /\$[$&`'<\d]/.test(part.content))
    refuse('content without "$&" and the like', JSON.stringify(part.content.slice(0, 100)));
  const { String: text } = (part.pattern ?? {}) as Json;
  // An expression may match the empty text before every character.
  return isText(text) && text !== '' ? Math.max(1, longest / text.length) : 1 + longest;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
