/** The rows of a data file in whatever format it is: JSON lines, JSON, CSV, tabs or Parquet. */
import { DataError } from '../errors.ts';
import { csvRows, separatorOf } from './csv.ts';
import type { Input } from './input.ts';
import { jsonArray } from './json-array.ts';
import { arrayInside, isByIds, isPretty, onlyArray } from './json-object.ts';
import { jsonValues } from './json-values.ts';
import { lines, MAX_RECORD_BYTES } from './lines.ts';
import { otherFormat } from './other-formats.ts';
import { parquetRows } from './parquet.ts';
import { peeked } from './peeked.ts';
import type { Row } from './rows.ts';

/** How many of the first bytes say what a file is. */
const HEAD_BYTES = 1 << 16;

const FORMATS = 'JSON lines, JSON, CSV, tabs or Parquet';

/**
 * Each row comes as JSON text. The first bytes decide what the file is, and its name only where they leave it open.
 * Throws `DataError` for a file that is none of these.
 */
export async function* anyRows(
  input: Input,
  maxLineBytes: number = MAX_RECORD_BYTES,
): AsyncGenerator<Row, void, void> {
  const { head, all } = await peeked(input.open(), HEAD_BYTES, saysWhatItIs);
  const again: Input = { ...input, open: () => all };
  const wide = wideEncoding(head);
  if (wide !== null) {
    return yield* anyRows({ ...withoutPath(input), open: () => asUtf8(all, wide) }, maxLineBytes);
  }
  const text = beginning(head);
  if (text.startsWith('PAR1')) return yield* parquetRows(again);
  const other = otherFormat(text);
  if (other !== null) throw new DataError(`${input.name}: expected ${FORMATS}, found ${other}`);
  if (/\.tsv$/i.test(plainName(input))) return yield* csvRows(again, '\t');
  const separator = separatorOf(firstLine(text));
  if (/\.csv$/i.test(plainName(input))) return yield* csvRows(again, separator ?? ',');
  if (text.startsWith('[')) return yield* jsonArray(again);
  if (!text.startsWith('{')) {
    if (text === '' || /(?:^|[\r\n])\s*\{/.test(text)) return yield* lines(again, maxLineBytes);
    if (separator !== null && !/\.(?:jsonl?|ndjson|ya?ml)$/i.test(plainName(input))) {
      return yield* csvRows(again, separator);
    }
    throw new DataError(
      `${input.name}:1: expected ${FORMATS}, found text that begins with ${JSON.stringify(firstLine(text).slice(0, 40))}`,
    );
  }
  if (!/\.(?:jsonl|ndjson)$/i.test(plainName(input))) {
    const begin = arrayInside(head);
    if (begin !== null) return yield* jsonArray(onlyArray(again, begin));
    if (isByIds(head)) return yield* jsonArray(again, { byIds: true });
  }
  if (isPretty(head)) return yield* jsonValues(again);
  return yield* lines(again, maxLineBytes);
}

/** How many lines tell whether a file that does not begin as JSON is of JSON lines all the same. */
const LINES_TOLD = 20;

/**
 * Whether the first bytes tell: all but a file that begins as an object, which may be a line's or the whole
 * file's, until its first line is whole. A pipe may be silent after it.
 */
function saysWhatItIs(head: Buffer): boolean {
  const text = beginning(head);
  if (/^[[P]/.test(text)) return text.length >= 'PAR1'.length;
  const [line = '', ...more] = text.split('\n', LINES_TOLD);
  if (!text.startsWith('{')) {
    return wideEncoding(head) !== null || separatorOf(line) !== null
      ? more.length > 0
      : more.length === LINES_TOLD - 1;
  }
  if (more.length === 0) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** UTF-16, by its byte order mark: as spreadsheets save "Unicode text". */
function wideEncoding(head: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : null;
}

async function* asUtf8(bytes: AsyncIterable<Uint8Array>, encoding: string): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of bytes) yield Buffer.from(decoder.decode(chunk, { stream: true }));
  yield Buffer.from(decoder.decode());
}

/** An input whose bytes are no longer those on disk. */
function withoutPath({ path: _, ...input }: Input): Input {
  return input;
}

function firstLine(text: string): string {
  return text.split(/[\r\n]/, 1)[0] ?? '';
}

/** Without the byte order mark and white space; bytes as characters. */
function beginning(head: Uint8Array): string {
  return Buffer.from(head).toString('latin1').replace(/^ï»¿/, '').trimStart();
}

/** The name without that of a compression. */
function plainName({ base }: Input): string {
  return base.replace(/\.(?:gz|zst|zstd)$/i, '');
}
