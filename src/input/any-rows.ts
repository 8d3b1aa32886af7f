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
  const { head, all } = await peeked(input.open(), HEAD_BYTES);
  const again: Input = { ...input, open: () => all };
  const text = Buffer.from(head.subarray(0, 64)).toString('latin1').replace(/^ï»¿/, '').trimStart();
  if (text.startsWith('PAR1')) return yield* parquetRows(again);
  if (/\.tsv$/i.test(plainName(input))) return yield* csvRows(again, '\t');
  if (/\.csv$/i.test(plainName(input))) return yield* csvRows(again);
  if (text.startsWith('[')) return yield* jsonArray(again);
  const begin = /\.(?:jsonl|ndjson)$/i.test(plainName(input)) ? null : arrayInside(head);
  if (begin !== null) return yield* jsonArray(onlyArray(again, begin));
  return yield* lines(again, maxLineBytes);
}

/** The name without that of a compression. */
function plainName({ base }: Input): string {
  return base.replace(/\.(?:gz|zst|zstd)$/i, '');
}
