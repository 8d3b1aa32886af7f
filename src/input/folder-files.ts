/** The text files of a policy's folder. */
import { readFile } from 'node:fs/promises';
import { DataError } from '../errors.ts';

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
    return await readFile(path, 'utf8');
  } catch (cause) {
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
