/** JSON values one after the other, each over as many lines as it likes: what `jq` prints. */
import { DataError } from '../errors.ts';
import { HeldRecord } from './held-record.ts';
import type { Input } from './input.ts';
import { JsonStrings } from './json-strings.ts';
import { MAX_RECORD_BYTES } from './lines.ts';
import type { Row } from './rows.ts';

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
  const strings = new JsonStrings();
  const held = new HeldRecord(maxBytes);
  const take = (): Row => {
    const row = { place: `${input.name}:${begun}`, number: ++number, offset: start };
    return { ...row, ...held.take({ place: row.place, first: number === 1 }) } as Row;
  };
  for await (const chunk of input.open()) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++, position++) {
      const byte = chunk[at] as number;
      if (byte === LINE_FEED) line++;
      if (strings.goesOn(byte) || strings.begins(byte)) continue;
      if (OPENS.has(byte)) {
        if (depth++ === 0) [begun, start] = [line, position];
      } else if (CLOSES.has(byte) && --depth <= 0) {
        depth = 0;
        held.add(chunk.subarray(from, at + 1));
        from = at + 1;
        yield take();
      }
    }
    // A copy: the stream may use the chunk's memory again.
    held.add(Uint8Array.prototype.slice.call(chunk, from));
  }
  if (!held.isBlank) {
    throw new DataError(
      `${input.name}:${begun}: expected the end of a JSON value, found the end of the file (is it cut off?)`,
    );
  }
}
