/**
 * Data sets that are one JSON object with the questions in an array: `{"version": ..., "data": [...]}`. What
 * is not the array is overwritten with blanks, so that it is read as an array is, and places stay the same.
 */
import type { Input } from './input.ts';

const KEY = /"(?:data|questions|examples|rows|items)"\s*:\s*\[/;
const BLANK = 0x20;

/** Where the array begins in the first bytes of a file; null where they are not those of such an object. */
export function arrayInside(head: Uint8Array): number | null {
  const text = Buffer.from(head).toString('latin1');
  if (!/^(?:ï»¿)?\s*\{/.test(text)) return null;
  const match = KEY.exec(text);
  // Its keys before are plain: a question has objects and arrays, or many keys, before such a key.
  if (match === null || /[{[]/.test(text.slice(text.indexOf('{') + 1, match.index))) return null;
  return match.index + match[0].length - 1;
}

/** The file with blanks around the array that begins at this byte. */
export function onlyArray(input: Input, begin: number): Input {
  return { ...input, open: () => blanked(input.open(), begin) };
}

async function* blanked(bytes: AsyncIterable<Uint8Array>, begin: number): AsyncGenerator<Uint8Array> {
  let position = 0;
  let depth = 0;
  let [inString, escaped, isOver] = [false, false, false];
  for await (const chunk of bytes) {
    const copy = Uint8Array.prototype.slice.call(chunk) as Uint8Array;
    for (let at = 0; at < copy.length; at++, position++) {
      const byte = copy[at];
      if (position < begin || isOver) {
        copy[at] = BLANK;
        continue;
      }
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === 0x5c) escaped = true;
        else if (byte === 0x22) inString = false;
      } else if (byte === 0x22) inString = true;
      else if (byte === 0x5b || byte === 0x7b) depth++;
      else if (byte === 0x5d || byte === 0x7d) isOver = --depth === 0;
    }
    yield copy;
  }
}
