/**
 * Tables as text: CSV (RFC 4180), and its like with semicolons, tabs or bars. The first line names the columns; each
 * row comes as a JSON object of texts. A quotation mark counts where a field begins, blanks before it aside.
 */
import { DataError } from '../errors.ts';
import { HeldRecord } from './held-record.ts';
import type { Input } from './input.ts';
import { MAX_RECORD_BYTES } from './lines.ts';
import type { Row } from './rows.ts';

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

const SEPARATORS = [',', ';', '\t', '|'] as const;
export type Separator = (typeof SEPARATORS)[number];

/** What separates the fields of a table, by its first line; null where there is none of them. */
export function separatorOf(line: string): Separator | null {
  const named = /^\s*sep=([,;\t|])\s*$/i.exec(line)?.[1] as Separator | undefined;
  if (named !== undefined) return named;
  const outside = line.replaceAll(/"[^"]*"/g, '');
  const counts = SEPARATORS.map((separator) => outside.split(separator).length - 1);
  const most = Math.max(...counts);
  return most === 0 ? null : (SEPARATORS[counts.indexOf(most)] ?? null);
}

/** The rows, without the line of names. A row with more or fewer fields than names comes with an error. */
export async function* csvRows(
  input: Input,
  separator: Separator = ',',
  maxBytes: number = MAX_RECORD_BYTES,
): AsyncGenerator<Row, void, void> {
  let names: readonly string[] | null = null;
  let number = 0;
  for await (const { text, line, offset, error } of records(input, { separator, maxBytes })) {
    const place = `${input.name}:${line}`;
    if (text?.trim() === '') continue;
    if (names === null) {
      if (text === null) throw error ?? new DataError(`${place}: expected the names of columns`);
      // Excel's own way to say it.
      if (/^sep=.$/i.test(text)) continue;
      names = namesOf(fieldsOf(text, separator), place);
      continue;
    }
    const row = { place, number: ++number, offset };
    if (text === null) {
      yield { ...row, text: null, error };
      continue;
    }
    const fields = fieldsOf(text, separator);
    if (fields?.every((field) => field.trim() === '') === true) number--;
    else yield objectOf(row, { fields, names });
  }
}

/** A column without a name, as pandas writes its index and spreadsheets write what was deleted, is called by its place. */
function namesOf(fields: readonly string[] | null, place: string): readonly string[] {
  const names = fields?.map((name, at) => name.trim() || `column ${at + 1}`);
  if (names === undefined || new Set(names).size < names.length) {
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
    const entries = names
      .map((name, at) => [name, fields[at]] as const)
      .filter(([name, field], at) => field !== '' || name !== `column ${at + 1}`);
    return { ...row, text: JSON.stringify(Object.fromEntries(entries)), error: null };
  }
  const found = fields === null ? 'text after a quotation mark that closes a field' : `${fields.length}`;
  const error = new DataError(
    `${row.place}: expected ${names.length} fields, as the first line has, found ${found}`,
  );
  return { ...row, text: null, error };
}

/** The fields of a record; null where quotation marks are out of order. */
function fieldsOf(record: string, separator: Separator): string[] | null {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    const plainEnd = record.indexOf(separator, at);
    let end = plainEnd < 0 ? record.length : plainEnd;
    const quoted = quotedField(record, { at, separator });
    if (quoted !== null) {
      fields.push(quoted.field);
      end = quoted.end;
    } else if (separator !== '\t' && /^ *"/.test(record.slice(at, end))) return null;
    else fields.push(record.slice(at, end));
    if (end >= record.length) return fields;
    at = end + 1;
  }
}

/** A field in quotation marks that begins here, and where it ends; null where none does. Blanks around it do not count. */
function quotedField(
  record: string,
  { at, separator }: { readonly at: number; readonly separator: Separator },
): { readonly field: string; readonly end: number } | null {
  let open = at;
  while (record[open] === ' ') open++;
  if (record[open] !== '"') return null;
  let close = record.indexOf('"', open + 1);
  while (close >= 0 && record[close + 1] === '"') close = record.indexOf('"', close + 2);
  if (close < 0) return null;
  let end = close + 1;
  while (record[end] === ' ') end++;
  if (end < record.length && record[end] !== separator) return null;
  return { field: record.slice(open + 1, close).replaceAll('""', '"'), end };
}

interface Record {
  readonly text: string | null;
  /** The line that it begins on, from 1. */
  readonly line: number;
  /** The byte that it begins at, of the text. */
  readonly offset: number;
  readonly error: DataError | null;
}

/** The records as text: lines, but for their ends between quotation marks. */
async function* records(
  input: Input,
  { separator, maxBytes }: { readonly separator: Separator; readonly maxBytes: number },
): AsyncGenerator<Record, void, void> {
  const between = separator.charCodeAt(0);
  const held = new HeldRecord(maxBytes);
  let quotes: 'outside' | 'inside' | 'closing' = 'outside';
  let isFieldBegin = true;
  let isAfterReturn = false;
  let [line, begun] = [1, 1];
  let [before, offset] = [0, 0];
  let isFirst = true;
  const take = (): Record => {
    const first = isFirst;
    isFirst = false;
    const tooLong = () => `a row of at most ${maxBytes} bytes, found a longer one`;
    return { ...held.take({ place: `${input.name}:${begun}`, first, tooLong }), line: begun, offset };
  };
  for await (const chunk of input.open()) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === LINE_FEED && !isAfterReturn) line++;
      const isEnd = byte === LINE_FEED || byte === CARRIAGE_RETURN;
      const isSecondOfTwo = byte === LINE_FEED && isAfterReturn;
      isAfterReturn = byte === CARRIAGE_RETURN;
      if (isAfterReturn) line++;
      if (quotes === 'inside') {
        if (byte === QUOTE) quotes = 'closing';
        continue;
      }
      if (quotes === 'closing') {
        quotes = byte === QUOTE ? 'inside' : 'outside';
        if (byte === QUOTE) continue;
        isFieldBegin = false;
      }
      if (isEnd) {
        if (isSecondOfTwo && at === from && held.length === 0) {
          begun = line;
          from = at + 1;
          offset = before + from;
          continue;
        }
        held.add(chunk.subarray(from, at));
        yield take();
        begun = line;
        from = at + 1;
        offset = before + from;
        isFieldBegin = true;
      } else if (byte === QUOTE && isFieldBegin) quotes = 'inside';
      else if (byte === between) isFieldBegin = true;
      else if (byte !== SPACE && !(isFirst && line === 1 && isMark(byte))) isFieldBegin = false;
    }
    // A copy: the stream may use the chunk's memory again.
    held.add(Uint8Array.prototype.slice.call(chunk, from));
    before += chunk.length;
  }
  if (quotes === 'inside') {
    throw new DataError(
      `${input.name}:${begun}: expected a quotation mark that closes a field, found the end of the file (is it cut off?)`,
    );
  }
  if (held.length > 0) yield take();
}

/** A byte of the byte order mark, after which the first field may begin with a quotation mark. */
function isMark(byte: number | undefined): boolean {
  return byte === 0xef || byte === 0xbb || byte === 0xbf;
}
