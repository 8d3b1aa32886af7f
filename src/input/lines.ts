/** Reads a file line by line, streaming, with a bound on the length of a line. */
import { DataError } from '../errors.ts';
import type { Input } from './input.ts';
import type { Row } from './rows.ts';

/** Longest line or array element that is held in memory, in bytes. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** Longest line of a question, in bytes: what becomes of it must fit into a record (4 MiB by default). */
export const MAX_QUESTION_BYTES = 1024 * 1024;

const LINE_FEED = 0x0a;

/**
 * The lines that are not blank. A byte order mark and CRLF are understood. A line that is too long or not
 * UTF-8 comes as a row with an error; memory stays below about twice `maxBytes`.
 */
export async function* lines(
  input: Input,
  maxBytes: number = MAX_RECORD_BYTES,
): AsyncGenerator<Row, void, void> {
  let number = 1;
  let start = 0;
  let length = 0;
  let held: Uint8Array[] = [];

  const take = (): Row | null => {
    const row = { place: `${input.name}:${number}`, number, offset: start };
    const bytes = held;
    held = [];
    if (length > maxBytes) {
      const error = new DataError(
        `${row.place}: expected a line of at most ${maxBytes} bytes, found one of ${length}`,
      );
      return { ...row, text: null, error };
    }
    const text = decode(Buffer.concat(bytes), row.number === 1);
    if (text === null) {
      return {
        ...row,
        text: null,
        error: new DataError(`${row.place}: expected UTF-8 text, found other bytes`),
      };
    }
    return text.trim() === '' ? null : { ...row, text, error: null };
  };
  const hold = (bytes: Uint8Array): void => {
    length += bytes.length;
    if (length <= maxBytes) held.push(bytes);
    else held = [];
  };

  for await (const chunk of input.open()) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      hold(chunk.subarray(from, end));
      const row = take();
      start += length + 1;
      length = 0;
      number++;
      from = end + 1;
      if (row !== null) yield row;
    }
    // A copy: the stream may use the chunk's memory again.
    hold(Uint8Array.prototype.slice.call(chunk, from));
  }
  const row = length > 0 ? take() : null;
  if (row !== null) yield row;
}

/** UTF-8, or null. The byte order mark is only understood at the very beginning. */
export function decode(bytes: Uint8Array, first: boolean): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return first && text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch {
    return null;
  }
}
