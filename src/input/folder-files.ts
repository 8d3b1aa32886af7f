/** The text files of a policy's folder. */
import { readFile, stat } from 'node:fs/promises';
import { DataError } from '../errors.ts';

/** Of one file: the largest tokenizers have 40 MB. */
const MOST_BYTES = 2 ** 28;

export interface ReadOptions {
  /** Whether a file that is not there is undefined, rather than an error. */
  readonly optional?: boolean;
}

/** Throws `DataError` where the file cannot be read. */
export async function readText(
  path: string,
  { optional = false }: ReadOptions = {},
): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MOST_BYTES)
      throw new DataError(`${path}: expected at most ${MOST_BYTES} bytes, found ${size}`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    if (optional && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DataError(`${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

/** Throws `DataError` where the file cannot be read, or is no JSON. */
export async function readJson(path: string, options: ReadOptions = {}): Promise<unknown> {
  const text = await readText(path, options);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path}: expected JSON, found something else: ${(cause as Error).message}`, {
      cause,
    });
  }
}
