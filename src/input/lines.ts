/** Reads a file line by line, streaming, with a bound on the length of a line. */
import { HeldRecord } from './held-record.ts';
import type { Input } from './input.ts';
import { peeked } from './peeked.ts';
import type { Row } from './rows.ts';

/** Longest line or array element that is held in memory, in bytes. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** Longest line of a question, in bytes: what becomes of it must fit into a record (4 MiB by default). */
export const MAX_QUESTION_BYTES = 1024 * 1024;

const LINE_FEED = 0x0a;
const RETURN = 0x0d;

/** Where the first line is to end for CR alone to be understood, in bytes. */
const FIRST_BYTES = 1 << 16;

/**
 * The lines that are not blank. A byte order mark and CRLF are understood, and CR alone where the first line ends so. A
 * line that is too long or not UTF-8 comes as a row with an error; memory stays below about twice `maxBytes`.
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

  const { head, all } = await peeked(input.open(), FIRST_BYTES, (bytes) => endOf(bytes) !== null);
  const ending = endOf(head) ?? LINE_FEED;
  for await (const chunk of all) {
    let from = 0;
    for (let end = chunk.indexOf(ending); end >= 0; end = chunk.indexOf(ending, from)) {
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

/** What ends the first line, of the first bytes: LF, also after CR, or CR alone; null where they do not tell. */
function endOf(head: Uint8Array): number | null {
  const [feed, back] = [head.indexOf(LINE_FEED), head.indexOf(RETURN)];
  const isAlone = back >= 0 && back + 1 < head.length && head[back + 1] !== LINE_FEED;
  if (isAlone && (feed < 0 || back < feed)) return RETURN;
  return feed < 0 ? null : LINE_FEED;
}
