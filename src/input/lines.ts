/** Reads a file line by line, streaming, with a bound on the length of a line. */
import { HeldRecord } from './held-record.ts';
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
  const held = new HeldRecord(maxBytes);

  const take = (): Row | null => {
    const row = { place: `${input.name}:${number}`, number, offset: start };
    const tooLong = (length: number) => `a line of at most ${maxBytes} bytes, found one of ${length}`;
    const { text, error } = held.take({ place: row.place, first: number === 1, tooLong });
    return text !== null && text.trim() === '' ? null : ({ ...row, text, error } as Row);
  };

  for await (const chunk of input.open()) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      held.add(chunk.subarray(from, end));
      const { length } = held;
      const row = take();
      start += length + 1;
      number++;
      from = end + 1;
      if (row !== null) yield row;
    }
    // A copy: the stream may use the chunk's memory again.
    held.add(Uint8Array.prototype.slice.call(chunk, from));
  }
  const row = held.length > 0 ? take() : null;
  if (row !== null) yield row;
}
