/** Bearer tokens for SASL OAUTHBEARER: from a command of the user's, or a file that somebody keeps fresh. */
import { z } from 'zod';
import { TransportError } from '../../errors.ts';
import { filePath, type SecretDeps } from '../secret.ts';

/** What the key `mechanism` means, of all of them. */
export const MECHANISM = 'How this client proves who it is.';

export const oauthConfig = z
  .strictObject({
    mechanism: z.literal('oauthbearer').describe(MECHANISM),
    command: z
      .array(z.string().max(4096))
      .min(1)
      .max(64)
      .nullable()
      .default(null)
      .describe(
        'A program and its arguments, no shell, whose output is a token. They are kept with the run: no secrets in them; it has the variables of this process.',
      ),
    tokenFile: filePath
      .nullable()
      .default(null)
      .describe('The file that holds a token; read anew for each connection.'),
    timeoutMs: z
      .int()
      .min(100)
      .max(300_000)
      .default(10_000)
      .describe('Longest wait for the command; it is killed then, and the connection tried again.'),
  })
  .refine((sasl) => (sasl.command === null) !== (sasl.tokenFile === null), {
    error: 'expected either command (a program that prints a token) or tokenFile',
    path: ['command'],
  });

export type OauthConfig = z.output<typeof oauthConfig>;

/** What kafkajs calls whenever a connection has to say who it is. */
export type TokenSource = () => Promise<{ readonly value: string }>;

/**
 * What a program wrote to its standard output. Rejects unless it ended by itself, in time, with the code 0.
 */
export type RunProgram = (
  argv: readonly string[],
  limits: { readonly timeoutMs: number; readonly maxBytes: number },
) => Promise<string>;

export interface TokenDeps extends Pick<SecretDeps, 'readFile'> {
  readonly runProgram: RunProgram;
  /** Milliseconds since 1970, as tokens count their end. */
  readonly now: () => number;
}

const MAX_TOKEN_BYTES = 65_536;
/** A token is not used again when it ends this soon: connecting takes time, and clocks differ. */
const SPARE_MS = 30_000;
/** The characters of a bearer token (RFC 6750, section 2.1). */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/**
 * Tokens as they are needed. Connections that ask at the same time share one call, and a token that says
 * when it ends (a JWT's `exp`) is used until shortly before that. Rejects with a retryable `TransportError`
 * that says nothing of what the program printed.
 */
export function tokenSource(config: OauthConfig, deps: TokenDeps): TokenSource {
  let last: { readonly value: string; readonly endMs: number } | undefined;
  let asking: Promise<string> | undefined;
  const ask = async () => {
    const value = await fetchToken(config, deps);
    last = { value, endMs: endOf(value) };
    return value;
  };
  return async () => {
    if (last !== undefined && last.endMs - SPARE_MS > deps.now()) return { value: last.value };
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return { value: await asking };
  };
}

async function fetchToken(
  { command, tokenFile, timeoutMs }: OauthConfig,
  { runProgram, readFile }: TokenDeps,
): Promise<string> {
  const from = command === null ? `the file ${tokenFile}` : `the program ${command[0]}`;
  let text: string;
  try {
    text =
      command === null
        ? new TextDecoder().decode(readFile(tokenFile ?? ''))
        : await runProgram(command, { timeoutMs, maxBytes: MAX_TOKEN_BYTES });
  } catch (cause) {
    throw new TransportError(`SASL OAUTHBEARER: ${from} gave no token: ${reason(cause)}. Try it by hand.`, {
      retryable: true,
    });
  }
  const token = text.trim();
  if (TOKEN.test(token) && token.length <= MAX_TOKEN_BYTES) return token;
  throw new TransportError(
    `SASL OAUTHBEARER: expected one token and nothing else from ${from}, found ` +
      `${token === '' ? 'nothing' : `${token.length} characters that are none`}.`,
    { retryable: true },
  );
}

/** Without the program's output, which may hold the token, and without its arguments. */
function reason(cause: unknown): string {
  const { code, killed } = (cause ?? {}) as { readonly code?: unknown; readonly killed?: unknown };
  if (killed === true) return 'it did not end in time, or printed too much';
  return typeof code === 'number' ? `it ended with the code ${code}` : `${code ?? 'it failed'}`;
}

/** When a JWT ends, in milliseconds since 1970; 0 (never used again) where the token does not say. */
function endOf(token: string): number {
  try {
    const claims = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'),
    ) as unknown;
    const { exp } = claims as { readonly exp?: unknown };
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : 0;
  } catch {
    return 0;
  }
}
