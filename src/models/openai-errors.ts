/**
 * What went wrong at an endpoint, as a `ModelError`: which URL, what was expected, what was found, and
 * whether to retry.
 */
import { EndpointError, ModelError, rootCause } from '../errors.ts';

/** Statuses after which the same request may succeed; so may it after any of 5xx. */
const RETRYABLE = new Set([408, 409, 425, 429]);

/**
 * Statuses that whatever is asked meets. Not 403, which endpoints also answer to what one conversation says.
 */
const REFUSING = new Set([401, 402, 404]);

/** Why there is no connection: nothing listens, no such host, or a port that `fetch` never uses. */
const NOBODY_THERE = /\b(ECONNREFUSED|ENOTFOUND|bad port)\b/;

const SNIPPET_CHARS = 300;

export interface Endpoint {
  /** Where the request went, without a query, which might hold a secret. */
  readonly url: string;
  /** What it is asked for, in words. */
  readonly expected: string;
  /** Kept out of every message. */
  readonly secret: string | null;
}

/** The response was not a success. */
export function statusError(
  endpoint: Endpoint,
  found: { readonly status: number; readonly headers: Headers | undefined; readonly body: string },
): ModelError {
  const { status, headers, body } = found;
  const hint = HINTS.get(status);
  const named = `status ${status}${hint === undefined ? '' : ` (${hint})`}`;
  const message = `${endpoint.url}: expected ${endpoint.expected}, found ${named}: ${snippet(body, endpoint)}`;
  if (REFUSING.has(status) || (status === 429 && /insufficient_quota/.test(body))) {
    return new EndpointError(message);
  }
  const retryAfterMs = headers === undefined ? undefined : readRetryAfter(headers);
  return new ModelError(message, {
    retryable: RETRYABLE.has(status) || status >= 500,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/**
 * The response was a success and not what was asked for. May be a gateway's passing trouble, so it is
 * retryable.
 */
export function contentError(endpoint: Endpoint, expected: string, body: string): ModelError {
  return new ModelError(`${endpoint.url}: expected ${expected}, found ${snippet(body, endpoint)}`, {
    retryable: true,
  });
}

/** The completion ended otherwise than by itself or at its largest length. */
export function endedError(
  endpoint: Endpoint,
  found: {
    readonly expected: string;
    readonly ended: string;
    readonly body: string;
    readonly retryable: boolean;
  },
): ModelError {
  const { expected, ended, body, retryable } = found;
  return new ModelError(
    `${endpoint.url}: expected ${expected}, found one that ended with ${ended}: ${snippet(body, endpoint)}`,
    { retryable },
  );
}

/** No response, or not the whole of it. */
export function connectionError(endpoint: Endpoint, cause: unknown): ModelError {
  const found = hide(rootCause(cause), endpoint);
  const Kind = NOBODY_THERE.test(found) ? EndpointError : ModelError;
  return new Kind(`${endpoint.url}: expected a response, found ${found}`, { retryable: true });
}

export function timeoutError(endpoint: Endpoint, timeoutMs: number): ModelError {
  return new ModelError(
    `${endpoint.url}: expected ${endpoint.expected} within ${timeoutMs} ms (timeoutMs), found none. An endpoint ` +
      'that answers one request after another is to be asked so (`concurrency: 1`); a slow one needs more time',
    { retryable: true },
  );
}

const HINTS = new Map([
  [400, 'the endpoint refuses the request'],
  [401, 'the API key is missing or wrong: see apiKeyEnv'],
  [402, 'there is no credit'],
  [403, 'the API key may not do this: see apiKeyEnv'],
  [404, 'no such model or path: see baseUrl and model'],
  [413, 'the conversation is too long'],
  [429, 'too many requests'],
]);

/**
 * `retry-after-ms`, or `retry-after` in seconds or as a date, which is compared with the response's own date.
 * Undefined where there is none that makes sense.
 */
function readRetryAfter(headers: Headers): number | undefined {
  const ms = headers.get('retry-after-ms') ?? '';
  if (/^\d+(\.\d+)?$/.test(ms)) return Number(ms);
  const after = headers.get('retry-after') ?? '';
  if (/^\d+(\.\d+)?$/.test(after)) return Number(after) * 1000;
  // Without this, V8 reads `-5` as a day in 2001.
  if (!after.endsWith(' GMT')) return undefined;
  const wait = Date.parse(after) - Date.parse(headers.get('date') ?? '');
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** The beginning of a text as a JSON string: hostile characters are escaped, and the secret is left out. */
function snippet(text: string, endpoint: Endpoint): string {
  if (text.trim() === '') return 'an empty body';
  const plain = hide(text, endpoint).replace(/\s+/g, ' ').trim();
  const head = plain.slice(0, SNIPPET_CHARS);
  const escaped = JSON.stringify(head.toWellFormed()).replace(
    /[\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return head.length < plain.length ? `${escaped}...` : escaped;
}

function hide(text: string, { secret }: Endpoint): string {
  return secret === null ? text : text.replaceAll(secret, '[key]');
}
