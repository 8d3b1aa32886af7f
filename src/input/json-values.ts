/** JSON values one after the other, each over as many lines as it likes: what `jq` prints. */
import { DataError } from '../errors.ts';
import type { Input } from './input.ts';
import { decode, MAX_RECORD_BYTES } from './lines.ts';
import type { Row } from './rows.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const OPENS = new Set([0x5b, 0x7b]);
const CLOSES = new Set([0x5d, 0x7d]);

/**
 * The objects and lists, numbered from 1, each with the line on which it begins. What is too long or not UTF-8 comes as
 * a row with an error. A file that ends inside one throws `DataError`.
 */
export async function* jsonValues(
  input: Input,
  maxBytes: number = MAX_RECORD_BYTES,
): AsyncGenerator<Row, void, void> {
  let [number, line, begun] = [0, 1, 1];
  let position = 0;
  let start = 0;
  let depth = 0;
  let [inString, escaped] = [false, false];
  let held: Uint8Array[] = [];
  let length = 0;
  const hold = (bytes: Uint8Array): void => {
    length += bytes.length;
    if (length <= maxBytes) held.push(bytes);
    else held = [];
  };
  const take = (): Row => {
    const row = { place: `${input.name}:${begun}`, number: ++number, offset: start };
    const text = length > maxBytes ? null : decode(Buffer.concat(held), number === 1);
    const found =
      length > maxBytes ? `at most ${maxBytes} bytes, found ${length}` : 'UTF-8 text, found other bytes';
    held = [];
    length = 0;
    const error = text === null ? new DataError(`${row.place}: expected ${found}`) : null;
    return { ...row, text, error } as Row;
  };
  for await (const chunk of input.open()) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++, position++) {
      const byte = chunk[at] as number;
      if (byte === LINE_FEED) line++;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (OPENS.has(byte)) {
        if (depth++ === 0) [begun, start] = [line, position];
      } else if (CLOSES.has(byte) && --depth <= 0) {
        depth = 0;
        hold(chunk.subarray(from, at + 1));
        from = at + 1;
        yield take();
      }
    }
    // A copy: the stream may use the chunk's memory again.
    hold(Uint8Array.prototype.slice.call(chunk, from));
  }
  const rest = length > maxBytes ? '{' : Buffer.concat(held).toString('latin1').trim();
  if (rest !== '') {
    throw new DataError(
      `${input.name}:${begun}: expected the end of a JSON value, found the end of the file (is it cut off?)`,
    );
  }
}
