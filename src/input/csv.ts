/**
 * Tables as text: CSV (RFC 4180) and its like with tabs. The first line names the columns; each row comes as
 * a JSON object of texts.
 */
import { DataError } from '../errors.ts';
import type { Input } from './input.ts';
import { decode, MAX_RECORD_BYTES } from './lines.ts';
import type { Row } from './rows.ts';

const QUOTE = 0x22;
const LINE_FEED = 0x0a;

/** The rows, without the line of names. A row with more or fewer fields than names comes with an error. */
export async function* csvRows(
  input: Input,
  separator: ',' | '\t' = ',',
  maxBytes: number = MAX_RECORD_BYTES,
): AsyncGenerator<Row, void, void> {
  let names: readonly string[] | null = null;
  let number = 0;
  for await (const { text, line, error } of records(input, maxBytes)) {
    const place = `${input.name}:${line}`;
    if (names === null) {
      if (text === null) throw error ?? new DataError(`${place}: expected the names of columns`);
      names = namesOf(fieldsOf(text, separator), place);
      continue;
    }
    if (text?.trim() === '') continue;
    const row = { place, number: ++number, offset: 0 };
    if (text === null) yield { ...row, text: null, error };
    else yield objectOf(row, { fields: fieldsOf(text, separator), names });
  }
}

function namesOf(fields: readonly string[] | null, place: string): readonly string[] {
  const names = fields?.map((name) => name.trim());
  if (names === undefined || names.some((name) => name === '') || new Set(names).size < names.length) {
    throw new DataError(
      `${place}: expected a first line with the names of the columns, each once, found ${JSON.stringify(names ?? []).slice(0, 200)}`,
    );
  }
  return names;
}

function objectOf(
  row: Pick<Row, 'place' | 'number' | 'offset'>,
  { fields, names }: { readonly fields: readonly string[] | null; readonly names: readonly string[] },
): Row {
  if (fields !== null && fields.length === names.length) {
    const entries = names.map((name, at) => [name, fields[at]]);
    return { ...row, text: JSON.stringify(Object.fromEntries(entries)), error: null };
  }
  const found = fields === null ? 'text after a quotation mark that closes a field' : `${fields.length}`;
  const error = new DataError(
    `${row.place}: expected ${names.length} fields, as the first line has, found ${found}`,
  );
  return { ...row, text: null, error };
}

/** The fields of a record; null where quotation marks are out of order. */
function fieldsOf(record: string, separator: string): string[] | null {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let end: number;
    if (record[at] === '"') {
      let close = record.indexOf('"', at + 1);
      while (close >= 0 && record[close + 1] === '"') close = record.indexOf('"', close + 2);
      if (close < 0) return null;
      fields.push(record.slice(at + 1, close).replaceAll('""', '"'));
      end = close + 1;
      if (end < record.length && record[end] !== separator) return null;
    } else {
      end = record.indexOf(separator, at);
      if (end < 0) end = record.length;
      fields.push(record.slice(at, end));
    }
    if (end >= record.length) return fields;
    at = end + 1;
  }
}

interface Record {
  readonly text: string | null;
  /** The line that it begins on, from 1. */
  readonly line: number;
  readonly error: DataError | null;
}

/** The records as text: lines, but for line feeds between quotation marks. */
async function* records(input: Input, maxBytes: number): AsyncGenerator<Record, void, void> {
  let held: Uint8Array[] = [];
  let length = 0;
  let isQuoted = false;
  let [line, begun] = [1, 1];
  let isFirst = true;
  const hold = (bytes: Uint8Array) => {
    length += bytes.length;
    if (length <= maxBytes) held.push(bytes);
    else held = [];
  };
  const take = (): Record => {
    const bytes = Buffer.concat(held);
    const place = `${input.name}:${begun}`;
    const tooLong = length > maxBytes;
    const text = tooLong ? null : decode(bytes, isFirst);
    const found = { text: text?.replace(/\r$/, '') ?? null, line: begun };
    held = [];
    length = 0;
    isFirst = false;
    if (text !== null) return { ...found, error: null };
    const expected = tooLong
      ? `a row of at most ${maxBytes} bytes, found a longer one`
      : 'UTF-8 text, found other bytes';
    return { ...found, error: new DataError(`${place}: expected ${expected}`) };
  };
  for await (const chunk of input.open()) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (chunk[at] === QUOTE) isQuoted = !isQuoted;
      if (chunk[at] !== LINE_FEED) continue;
      line++;
      if (isQuoted) continue;
      hold(chunk.subarray(from, at));
      yield take();
      begun = line;
      from = at + 1;
    }
    // A copy: the stream may use the chunk's memory again.
    hold(Uint8Array.prototype.slice.call(chunk, from));
  }
  if (isQuoted) {
    throw new DataError(
      `${input.name}:${begun}: expected a quotation mark that closes a field, found the end of the file (is it cut off?)`,
    );
  }
  if (length > 0) yield take();
}
