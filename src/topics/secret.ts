/**
 * Secrets and the files of TLS: configuration names where they are, here they are read, nowhere are they
 * printed.
 */
import { z } from 'zod';
import { ConfigError } from '../errors.ts';

/** Name of an environment variable. */
export const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable, never the secret itself');

export const filePath = z.string().min(1).max(4096);

export interface SecretDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The bytes of a file; throws where it cannot be read. */
  readonly readFile: (path: string) => Uint8Array;
}

/**
 * Where a secret is: one of the two. `key` is the configuration's key without `Env` or `File`, for messages.
 */
export interface SecretPlace {
  readonly key: string;
  readonly variable: string | null;
  readonly file: string | null;
}

/**
 * The secret at a place; a file's last line ending is not part of it. A `ConfigError` names the variable or
 * file that is missing or empty.
 */
export function readSecret({ key, variable, file }: SecretPlace, deps: SecretDeps): string {
  if (variable !== null) {
    const value = deps.env[variable] ?? '';
    if (value !== '') return value;
    throw new ConfigError(
      `${key}Env names the variable ${variable}, which is not set: export it, then start again`,
    );
  }
  if (file === null) throw new ConfigError(`${key}: expected ${key}Env or ${key}File, found neither`);
  const text = new TextDecoder().decode(readNamedFile(`${key}File`, file, deps)).replace(/\r?\n$/, '');
  if (text === '') throw new ConfigError(`${key}File names ${file}, which is empty`);
  return text;
}

/** A file that the configuration names at `key`. A `ConfigError` where it cannot be read. */
export function readNamedFile(key: string, file: string, deps: Pick<SecretDeps, 'readFile'>): Uint8Array {
  try {
    return deps.readFile(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException | null)?.code ?? 'it cannot be read';
    throw new ConfigError(
      `${key} names ${file}: expected a file that this user can read, found ${code} (paths are relative to the topology's file; of --set, to the current folder)`,
      { cause },
    );
  }
}
