/**
 * Data sets that are one JSON object: with the questions in an array, `{"version": ..., "data": [...]}`, or with each
 * under its id, `{"q1": {...}, ...}`. Of the first, what is not the array is overwritten with blanks, so that it is
 * read as an array is, and places stay the same.
 */
import type { Input } from './input.ts';
import { JsonStrings } from './json-strings.ts';

const LISTS = new Set(['data', 'questions', 'examples', 'rows', 'items']);
/** An object with one of these is a record itself. */
const OF_RECORDS = new Set([
  'text',
  'question',
  'query',
  'problem',
  'prompt',
  'input',
  'instruction',
  'answer',
]);
const BLANK = 0x20;

interface Member {
  readonly key: string;
  /** The first character of its value, and where it is. */
  readonly opens: string;
  readonly at: number;
}

interface ObjectHead {
  readonly members: readonly Member[];
  /** Where it ends; null: not in these bytes. */
  readonly end: number | null;
}

/** The members of the object that a file begins with, as far as its first bytes go; null where there is none. */
function objectHead(head: Uint8Array): ObjectHead | null {
  const text = Buffer.from(head).toString('latin1');
  const begin = /^(?:ï»¿)?\s*\{/.exec(text)?.[0].length ?? 0;
  if (begin === 0) return null;
  const members: Member[] = [];
  let key: string | null = null;
  const add = (opens: string, at: number): void => {
    if (key !== null) members.push({ key, opens, at });
    key = null;
  };
  let depth = 1;
  for (let at = begin; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '"') {
      const from = at;
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
      if (depth === 1 && key === null) key = text.slice(from + 1, at);
      else if (depth === 1) add(char, from);
    } else if (char === '{' || char === '[') {
      if (depth === 1) add(char, at);
      depth++;
    } else if (char === '}' || char === ']') {
      depth--;
      if (depth === 0) return { members, end: at + 1 };
    } else if (depth === 1 && key !== null && /[-\w]/.test(char)) {
      // A number, true, false or null: to its end.
      add(char, at);
      while (/[-+.\w]/.test(text[at + 1] ?? '')) at++;
    }
  }
  return { members, end: null };
}

/** Where the array of the questions begins; null where the object is no such one, or others follow it. */
export function arrayInside(head: Uint8Array): number | null {
  const found = objectHead(head);
  if (found === null || !isWhole(found, head) || isRecord(found)) return null;
  return found.members.find(({ key, opens }) => opens === '[' && LISTS.has(key))?.at ?? null;
}

/** Whether each member of the object is a record under its id. */
export function isByIds(head: Uint8Array): boolean {
  const found = objectHead(head);
  if (found === null || !isWhole(found, head) || isRecord(found)) return false;
  const enough = found.end === null ? 1 : 2;
  return found.members.length >= enough && found.members.every(({ opens }) => opens === '{');
}

/** Whether a JSON value that takes several lines begins the file. */
export function isPretty(head: Uint8Array): boolean {
  const { end } = objectHead(head) ?? { end: null };
  if (end === null) return false;
  const text = Buffer.from(head.subarray(0, end)).toString('latin1').replace(/^ï»¿/, '');
  if (!text.trim().includes('\n')) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isWhole({ end }: ObjectHead, head: Uint8Array): boolean {
  return end === null || Buffer.from(head.subarray(end)).toString('latin1').trim() === '';
}

function isRecord({ members }: ObjectHead): boolean {
  return members.some(({ key }) => OF_RECORDS.has(key));
}

/** The file with blanks around the array that begins at this byte. */
export function onlyArray(input: Input, begin: number): Input {
  return { ...input, open: () => blanked(input.open(), begin) };
}

async function* blanked(bytes: AsyncIterable<Uint8Array>, begin: number): AsyncGenerator<Uint8Array> {
  let position = 0;
  let depth = 0;
  let isOver = false;
  const strings = new JsonStrings();
  for await (const chunk of bytes) {
    const copy = Uint8Array.prototype.slice.call(chunk) as Uint8Array;
    for (let at = 0; at < copy.length; at++, position++) {
      const byte = copy[at] as number;
      if (position < begin || isOver) {
        copy[at] = BLANK;
        continue;
      }
      if (strings.goesOn(byte) || strings.begins(byte)) continue;
      if (byte === 0x5b || byte === 0x7b) depth++;
      else if (byte === 0x5d || byte === 0x7d) isOver = --depth === 0;
    }
    yield copy;
  }
}
