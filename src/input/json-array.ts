/**
 * Reads one big JSON array element by element, streaming: HotPotQA is published as a single array of 500 MB.
 * The elements are found by counting brackets outside of strings; `JSON.parse` then sees one at a time.
 */
import { DataError } from '../errors.ts';
import { HeldRecord } from './held-record.ts';
import type { Input } from './input.ts';
import { JsonStrings } from './json-strings.ts';
import { MAX_RECORD_BYTES } from './lines.ts';
import type { Row } from './rows.ts';

const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

export interface ArrayOptions {
  readonly maxBytes?: number;
  /** An object in the place of the array, whose members are the elements: each with its key as `id`. */
  readonly byIds?: boolean;
}

/**
 * The elements of the array, each as JSON text. An element that is too long or not UTF-8 comes as a row with
 * an error. A file that is not one array, or ends inside it, throws `DataError`: nothing after that can be
 * trusted.
 */
export async function* jsonArray(
  input: Input,
  { maxBytes = MAX_RECORD_BYTES, byIds = false }: ArrayOptions = {},
): AsyncGenerator<Row, void, void> {
  const [open, close] = byIds ? [OPEN_OBJECT, CLOSE_OBJECT] : [OPEN_LIST, CLOSE_LIST];
  let state: 'before' | 'inside' | 'after' = 'before';
  let position = 0;
  let index = 0;
  let start = 0;
  const held = new HeldRecord(maxBytes);
  const strings = new JsonStrings();
  let depth = 0;
  let blank = true;

  const structure = (expected: string, found: string): DataError =>
    new DataError(`${input.name} (byte ${position}): expected ${expected}, found ${found}`);
  const take = (): Row => {
    const row = { place: `${input.name}[${index}] (byte ${start})`, number: index, offset: start };
    const { text, error } = held.take({ place: row.place, first: false });
    return { ...row, ...(text !== null && byIds ? withId(row.place, text) : { text, error }) } as Row;
  };

  for await (const chunk of input.open()) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++, position++) {
      const byte = chunk[at] as number;
      if (strings.goesOn(byte) || isBlank(byte)) continue;
      if (state !== 'inside') {
        if (state === 'before' && position < 3 && byte === BYTE_ORDER_MARK[position]) continue;
        if (state === 'after') throw structure('nothing after the array', character(byte));
        if (byte !== open) {
          const hint = byte === OPEN_OBJECT ? ' (one object per line is the data set `json-lines`)' : '';
          throw structure('one JSON array, beginning with `[`', `${character(byte)}${hint}`);
        }
        state = 'inside';
        start = position + 1;
        from = at + 1;
        continue;
      }
      if (depth === 0 && (byte === COMMA || byte === close)) {
        held.add(chunk.subarray(from, at));
        const row = take();
        const empty = blank;
        start = position + 1;
        from = at + 1;
        blank = true;
        if (byte === close) state = 'after';
        if (empty && (byte === COMMA || index > 0)) throw structure('an element', character(byte));
        if (empty) continue;
        index++;
        yield row;
        continue;
      }
      if (blank) {
        blank = false;
        start = position;
        from = at;
        held.clear();
      }
      if (strings.begins(byte)) continue;
      if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
      else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        if (depth === 0) throw structure('`,` or `]`', character(byte));
        depth--;
      }
    }
    // A copy: the stream may use the chunk's memory again.
    if (state === 'inside' && !blank) held.add(Uint8Array.prototype.slice.call(chunk, from));
  }
  if (state === 'before') throw structure('one JSON array, beginning with `[`', 'the end of the file');
  if (state === 'inside') {
    throw structure(
      byIds ? '`}`' : '`]`',
      `the end of the file inside element ${index}, which begins at byte ${start} (is it cut off?)`,
    );
  }
}

/** `"q1": {"question": ...}` as `{"id":"q1","question": ...}`; an id of its own, after it, counts. */
function withId(place: string, member: string): Pick<Row, 'text' | 'error'> {
  const [begin, key] = /^\s*("(?:[^"\\]|\\.)*")\s*:\s*\{/.exec(member) ?? [];
  if (begin === undefined) {
    const error = new DataError(
      `${place}: expected a key and an object, found ${JSON.stringify(member.slice(0, 60))}`,
    );
    return { text: null, error };
  }
  const rest = member.slice(begin.length);
  return { text: `{"id":${key}${/^\s*\}/.test(rest) ? '' : ','}${rest}`, error: null };
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function character(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `\`${String.fromCharCode(byte)}\`` : `the byte ${byte}`;
}
