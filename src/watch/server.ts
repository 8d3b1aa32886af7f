/** The server of the page: on loopback, for reading only. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError, SwirlError } from '../errors.ts';
import { answerOf } from './api.ts';
import { COOKIE, guard, isLoopback } from './guard.ts';
import { Live } from './live.ts';
import type { OpenRuns } from './open-runs.ts';
import { type PageFiles, pageFiles, pageHtml } from './page-files.ts';

export interface WatchServerOptions {
  readonly runs: OpenRuns;
  /** Loopback unless it is told otherwise. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Needed where the host is not loopback. */
  readonly token: string | null;
  /** How often the state of the flow is sent, in milliseconds. */
  readonly intervalMs: number;
}

export interface WatchServer {
  /** Where the page is, token included. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Connections at once, browsers' several each. */
const MOST_CONNECTIONS = 256;

const HEADERS = {
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Throws a `ConfigError` where the port is taken, or another machine could ask without a token. */
export async function startWatchServer(options: WatchServerOptions): Promise<WatchServer> {
  const { runs, host, token, intervalMs } = options;
  if (!isLoopback(host) && token === null) {
    throw new ConfigError(`the page on ${host} could be seen from other machines: it needs a token`);
  }
  const files = pageFiles();
  const live = new Live(intervalMs);
  let port = options.port;
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const verdict = guard(request, { host, port, token });
    if (verdict.kind === 'refuse') return refuse(response, verdict.status);
    if (verdict.kind === 'welcome') return welcome(response, token ?? '');
    void answer(request, response, { runs, files, live }).catch((error: unknown) => fail(response, error));
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new ConfigError(`the page cannot be served on ${host}:${port}: ${error.message}`, { cause: error }),
      );
    });
    server.listen(port, host, resolve);
  });
  port = (server.address() as AddressInfo).port;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${name}:${port}/${token === null ? '' : `?token=${token}`}`,
    port,
    close: async () => {
      live.close();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      await runs.close();
    },
  };
}

interface AnswerDeps {
  readonly runs: OpenRuns;
  readonly files: PageFiles;
  readonly live: Live;
}

async function answer(request: IncomingMessage, response: ServerResponse, { runs, files, live }: AnswerDeps) {
  const url = new URL(request.url ?? '/', 'http://watch.invalid');
  const { pathname } = url;
  if (pathname === '/') {
    const address = (name: string) => `/module/${name}`;
    const { html, policy } = pageHtml(files, { address, title: `${runs.first} · swirl watch` });
    response.setHeader('content-security-policy', policy);
    return send(response, 'text/html; charset=utf-8', html);
  }
  const file = pathname.startsWith('/module/')
    ? files.modules.get(pathname.slice('/module/'.length))
    : files.styles[Number(/^\/style\/(\d)\.css$/.exec(pathname)?.[1] ?? -1)];
  if (file !== undefined) return send(response, file.type, file.text);
  if (!pathname.startsWith('/api/')) return refuse(response, 404);
  if (pathname === '/api/live') {
    const watch = await runs.get(url.searchParams.get('run') ?? runs.first);
    return live.listen(watch, response) ? undefined : refuse(response, 503);
  }
  const value = await answerOf(pathname.slice('/api/'.length), url.searchParams, runs);
  if (value === undefined) return refuse(response, 404);
  send(response, 'application/json', JSON.stringify(value));
}

function send(response: ServerResponse, type: string, text: string): void {
  response.setHeader('content-type', type);
  response.end(text);
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'This page needs the token that `swirl watch` printed: open the address that it printed.',
  403: 'Pages of other sites may not ask here.',
  404: 'There is nothing here.',
  405: 'This server is for reading only.',
  421: 'Ask for this page by a name of this machine, such as 127.0.0.1 or localhost.',
  503: 'Too many pages are open.',
};

function refuse(response: ServerResponse, status: number): void {
  response.statusCode = status;
  send(response, 'text/plain; charset=utf-8', `${REASONS[status] ?? 'No.'}\n`);
}

/** The token becomes a cookie, so that it does not stay in the address. */
function welcome(response: ServerResponse, token: string): void {
  response.statusCode = 303;
  response.setHeader('set-cookie', `${COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/`);
  response.setHeader('location', '/');
  response.end();
}

/** What can be expected is told; a defect is not told to whoever asks. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const isExpected = error instanceof SwirlError;
  if (!isExpected)
    process.stderr.write(`swirl watch: ${error instanceof Error ? error.stack : String(error)}\n`);
  response.statusCode = error instanceof ConfigError ? 404 : 500;
  send(
    response,
    'application/json',
    JSON.stringify({ error: isExpected ? error.message : 'a defect of Swirl' }),
  );
}
