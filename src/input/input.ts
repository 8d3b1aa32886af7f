/** Where a data set's bytes come from: a file, or standard input. */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { DataError } from '../errors.ts';
import { decompressed } from './decompressed.ts';

export interface Input {
  /** As messages name it: the path as it was given, or `standard input`. */
  readonly name: string;
  /** The file's name without folder and extension, safe inside a record's id. */
  readonly stem: string;
  /** The file's name without its folder. */
  readonly base: string;
  /** Where it is on disk, if it is a file there. */
  readonly path?: string;
  /** The bytes, from the beginning, in chunks, without their compression. Throws `DataError` where they cannot be read. */
  open(): AsyncIterable<Uint8Array>;
}

/** A file; `-` is standard input, which can be read once. */
export function fileInput(path: string): Input {
  const base = path === '-' ? 'stdin' : basename(path);
  const name = path === '-' ? 'standard input' : path;
  return {
    name,
    base,
    stem: stemOf(base),
    ...(path === '-' ? {} : { path }),
    open: () => {
      const bytes = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 18 });
      return decompressed(readable(bytes, name), name);
    },
  };
}

/** A text or bytes at hand, in chunks of a given size. */
export function textInput(text: string | Uint8Array, name: string, chunkBytes = 1 << 16): Input {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return {
    name,
    base: name,
    stem: stemOf(name),
    open: () => decompressed(chunks(bytes, chunkBytes), name),
  };
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function stemOf(base: string): string {
  const plain = base.replace(/\.(gz|zst|zstd)$/i, '');
  return idPart(plain.replace(/\.(jsonl|ndjson|json|csv|tsv|parquet)$/i, ''));
}

/** A text that may stand in an id: ids are joined by `/` and shown in tables. */
function idPart(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80) || 'data';
}

async function* readable(stream: AsyncIterable<Uint8Array>, name: string): AsyncIterable<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const what =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'this is a folder: expected a file'
          : `cannot be read: ${(error as Error).message}`;
    throw new DataError(`${name}: ${what}`, { cause: error });
  }
}
