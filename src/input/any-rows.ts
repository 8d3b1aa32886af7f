/** The rows of a data file in whatever format it is: JSON lines, JSON, CSV, tabs or Parquet. */
import { csvRows } from './csv.ts';
import type { Input } from './input.ts';
import { arrayInside, onlyArray } from './inside-object.ts';
import { jsonArray } from './json-array.ts';
import { lines, MAX_RECORD_BYTES } from './lines.ts';
import { parquetRows } from './parquet.ts';
import { peeked } from './peeked.ts';
import type { Row } from './rows.ts';

/** How many of the first bytes say what a file is. */
const HEAD_BYTES = 1 << 16;

/** Each row comes as JSON text. The first bytes decide what the file is, and its name only for tables of text. */
export async function* anyRows(
  input: Input,
  maxLineBytes: number = MAX_RECORD_BYTES,
): AsyncGenerator<Row, void, void> {
  const { head, all } = await peeked(input.open(), HEAD_BYTES, saysWhatItIs);
  const again: Input = { ...input, open: () => all };
  const text = beginning(head.subarray(0, 64));
  if (text.startsWith('PAR1')) return yield* parquetRows(again);
  if (/\.tsv$/i.test(plainName(input))) return yield* csvRows(again, '\t');
  if (/\.csv$/i.test(plainName(input))) return yield* csvRows(again);
  if (text.startsWith('[')) return yield* jsonArray(again);
  const begin = /\.(?:jsonl|ndjson)$/i.test(plainName(input)) ? null : arrayInside(head);
  if (begin !== null) return yield* jsonArray(onlyArray(again, begin));
  return yield* lines(again, maxLineBytes);
}

/**
 * Whether the first bytes tell: all but a file that begins as an object, which may be a line's or the whole
 * file's, until its first line is whole. A pipe may be silent after it.
 */
function saysWhatItIs(head: Buffer): boolean {
  const text = beginning(head);
  if (!text.startsWith('{')) return text.length >= 'PAR1'.length;
  const [line = '', ...more] = text.split('\n', 2);
  if (more.length === 0) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** Without the byte order mark and white space; bytes as characters. */
function beginning(head: Uint8Array): string {
  return Buffer.from(head).toString('latin1').replace(/^ï»¿/, '').trimStart();
}

/** The name without that of a compression. */
function plainName({ base }: Input): string {
  return base.replace(/\.(?:gz|zst|zstd)$/i, '');
}
