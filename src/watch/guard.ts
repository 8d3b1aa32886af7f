/**
 * Who may ask. The page shows what models wrote and what questions say, so it is for those on this machine:
 * the server listens on loopback, and answers requests only that name it by a loopback name (a page of another
 * site cannot make its own name stand for this machine: DNS rebinding). Elsewhere a token is asked for.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The cookie that holds the token once it was shown. */
export const COOKIE = 'swirl-watch';

export interface GuardOptions {
  /** The host that it listens on. */
  readonly host: string;
  readonly port: number;
  /** Asked for where the host is not loopback. */
  readonly token: string | null;
}

/** What is done with a request: answered, refused with a status, or given the cookie first. */
export type Verdict =
  | { readonly kind: 'pass' | 'welcome' }
  | { readonly kind: 'refuse'; readonly status: number };

/** Names of this machine that only it can mean. */
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Judges a request by its method, its headers and its URL alone. */
export function guard(request: IncomingMessage, { host, port, token }: GuardOptions): Verdict {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return { kind: 'refuse', status: 405 };
  if (!isNamed(headers.host, host, port)) return { kind: 'refuse', status: 421 };
  // What another site's page asks for, as far as browsers say.
  const site = headers['sec-fetch-site'];
  const navigates = headers['sec-fetch-mode'] === 'navigate';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !navigates) {
    return { kind: 'refuse', status: 403 };
  }
  if (token === null) return { kind: 'pass' };
  const url = new URL(request.url ?? '/', 'http://watch.invalid');
  if (same(url.searchParams.get('token'), token)) return { kind: 'welcome' };
  return same(cookieOf(headers.cookie), token) ? { kind: 'pass' } : { kind: 'refuse', status: 401 };
}

/** Whether the `Host` header is a name of this server. */
function isNamed(named: string | undefined, host: string, port: number): boolean {
  if (named === undefined) return false;
  const isIn = (names: readonly string[]) =>
    names.some((name) => named === `${name}:${port}` || (port === 80 && named === name));
  if (isIn(LOOPBACK)) return true;
  if (isLoopback(host)) return isIn([host]);
  // It listens on addresses of which it may not know the names: the token keeps others out.
  return true;
}

function cookieOf(header: string | undefined): string | null {
  const found = (header ?? '').split(';').find((part) => part.trim().startsWith(`${COOKIE}=`));
  return found === undefined ? null : found.trim().slice(COOKIE.length + 1);
}

/** Takes as long whatever the difference. */
function same(given: string | null, token: string): boolean {
  if (given === null) return false;
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}
