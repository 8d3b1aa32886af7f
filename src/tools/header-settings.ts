/**
 * HTTP headers of a tool's requests. Secrets are named by the environment variables that hold them, never
 * written down.
 */
import { z } from 'zod';
import { ConfigError } from '../errors.ts';

const headerName = z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'expected the name of an HTTP header');
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable');

/** The keys of a tool's headers, to be spread into its settings. */
export const headerSettings = {
  tokenEnv: variable
    .nullable()
    .default(null)
    .describe(
      'Name of the environment variable with the token of `Authorization: Bearer`; null: none. Never the token itself.',
    ),
  headersEnv: z
    .record(headerName, variable)
    .default({})
    .describe('More secret headers: each with the name of the environment variable that holds its value.'),
  headers: z
    .record(headerName, z.string().max(1000))
    .default({})
    .describe('Headers without secrets, such as `Accept`.'),
};

export interface HeaderConfig {
  readonly tokenEnv: string | null;
  readonly headersEnv: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Headers {
  readonly values: Readonly<Record<string, string>>;
  /** What must be in no message: for `withoutSecrets`. */
  readonly secrets: readonly string[];
}

/**
 * The headers with their secrets. Throws `ConfigError`, which shows no value, for a variable that is not set
 * or cannot be sent.
 */
export function readHeaders(
  { tokenEnv, headersEnv, headers }: HeaderConfig,
  { where, env }: { readonly where: string; readonly env: Readonly<Record<string, string | undefined>> },
): Headers {
  const values: Record<string, string> = { ...headers };
  const secrets: string[] = [];
  const secret = (key: string, name: string) => {
    const value = env[name]?.trim() ?? '';
    if (value === '') throw new ConfigError(`${where}.${key} names the variable ${name}, which is not set`);
    if (!/^[\x20-\x7E]+$/.test(value)) {
      throw new ConfigError(`${where}.${key}: the variable ${name} holds characters that no header has`);
    }
    secrets.push(value);
    return value;
  };
  for (const [header, name] of Object.entries(headersEnv))
    values[header] = secret(`headersEnv.${header}`, name);
  if (tokenEnv !== null) values.Authorization = `Bearer ${secret('tokenEnv', tokenEnv)}`;
  return { values, secrets };
}
