/**
 * Reads one big JSON array element by element, streaming: HotPotQA is published as a single array of 500 MB.
 * The elements are found by counting brackets outside of strings; `JSON.parse` then sees one at a time.
 */
import { DataError } from '../errors.ts';
import type { Input } from './input.ts';
import { decode, MAX_RECORD_BYTES } from './lines.ts';
import type { Row } from './rows.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
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
  let length = 0;
  let held: Uint8Array[] = [];
  let depth = 0;
  let inString = false;
  let escaped = false;
  let blank = true;

  const structure = (expected: string, found: string): DataError =>
    new DataError(`${input.name} (byte ${position}): expected ${expected}, found ${found}`);
  const hold = (bytes: Uint8Array): void => {
    length += bytes.length;
    if (length <= maxBytes) held.push(bytes);
    else held = [];
  };
  const take = (): Row => {
    const row = { place: `${input.name}[${index}] (byte ${start})`, number: index, offset: start };
    const bytes = held;
    held = [];
    if (length > maxBytes) {
      const error = new DataError(`${row.place}: expected at most ${maxBytes} bytes, found ${length}`);
      return { ...row, text: null, error };
    }
    const text = decode(Buffer.concat(bytes), false);
    if (text !== null && byIds) return { ...row, ...withId(row.place, text) };
    if (text !== null) return { ...row, text, error: null };
    return {
      ...row,
      text: null,
      error: new DataError(`${row.place}: expected UTF-8 text, found other bytes`),
    };
  };

  for await (const chunk of input.open()) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++, position++) {
      const byte = chunk[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (isBlank(byte)) continue;
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
        hold(chunk.subarray(from, at));
        const row = take();
        const empty = blank;
        length = 0;
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
        held = [];
        length = 0;
      }
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
      else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        if (depth === 0) throw structure('`,` or `]`', character(byte));
        depth--;
      }
    }
    // A copy: the stream may use the chunk's memory again.
    if (state === 'inside' && !blank) hold(Uint8Array.prototype.slice.call(chunk, from));
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
