/**
 * One request of an HTTP tool: sent, its redirects followed where that is safe, its reply read up to its
 * limit.
 */
import { rootCause, ToolError } from '../../errors.ts';
import type { Headers } from '../header-settings.ts';
import { type Body, readBounded } from './bounded-body.ts';
import type { HttpConfig } from './http-config.ts';

export interface Reply {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: Body;
}

export interface Sent {
  readonly url: string;
  /** JSON; null: no body. */
  readonly body: string | null;
  readonly config: HttpConfig;
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

/** Statuses after which the same request may succeed. */
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Throws a retryable `ToolError` where the endpoint could not be reached or hung up, and for a status that
 * may pass, until the last attempt: `retry` counts. What has been answered for good is a reply, whatever its
 * status.
 */
export async function send(sent: Sent): Promise<Reply | { readonly refusedRedirect: string }> {
  const { config, signal } = sent;
  try {
    let { url } = sent;
    for (let hop = 0; ; hop++) {
      const response = await request(url, sent);
      // From 301 to 303 on a POST becomes a GET, which would be another call.
      const target =
        response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
      if (target === null) return await read(response, config);
      await response.body?.cancel();
      const next = URL.canParse(target, url) ? new URL(target, url) : null;
      const { origin } = new URL(url);
      if (next === null || next.origin !== origin) {
        return { refusedRedirect: `${origin} sends to ${next?.origin ?? 'no address'}` };
      }
      if (methodOf(sent) !== 'GET' && response.status < 307) {
        return { refusedRedirect: `${origin} would have a GET in place of a ${methodOf(sent)}` };
      }
      if (hop >= config.redirects) {
        return { refusedRedirect: `${origin} sends on more than ${config.redirects} times (redirects)` };
      }
      url = next.href;
    }
  } catch (error) {
    if (signal.aborted || error instanceof ToolError) throw error;
    throw new ToolError(`${new URL(sent.url).origin}: expected a reply, found ${rootCause(error)}`, {
      retryable: true,
      cause: error,
    });
  }
}

function request(url: string, sent: Sent): Promise<Response> {
  const { body, headers, signal } = sent;
  const json: Record<string, string> = body === null ? {} : { 'content-type': 'application/json' };
  return fetch(url, {
    method: methodOf(sent),
    headers: { accept: 'application/json, text/*;q=0.9, */*;q=0.1', ...json, ...headers.values },
    ...(body === null ? {} : { body }),
    redirect: 'manual',
    signal,
  });
}

function methodOf({ body, config }: Sent): string {
  return config.method ?? (body === null ? 'GET' : 'POST');
}

async function read(response: Response, config: HttpConfig): Promise<Reply> {
  const { status, headers } = response;
  const body = await readBounded(response, config.maxBytes);
  if (RETRYABLE.has(status)) {
    const after = headers.get('retry-after') ?? '';
    throw new StatusError({ status, contentType: headers.get('content-type'), body }, after);
  }
  return { status, contentType: headers.get('content-type'), body };
}

/** A status that may pass. Where no attempt is left, its reply is what the policy is shown. */
export class StatusError extends ToolError {
  constructor(
    readonly reply: Reply,
    retryAfter: string,
  ) {
    super(`status ${reply.status}`, {
      retryable: true,
      ...(/^\d{1,6}$/.test(retryAfter) ? { retryAfterMs: Number(retryAfter) * 1000 } : {}),
    });
  }
}
