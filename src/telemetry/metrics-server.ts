/**
 * Answers a scraper and whoever watches over containers: `/metrics` for Prometheus, `/healthz` (the process
 * answers) and `/readyz` (its stages are at work). For reading only, and without anything that a model wrote.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../errors.ts';

export interface MetricsServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly metrics: () => Promise<string>;
  /** Null where the stages are at work; otherwise why not. */
  readonly notReady: () => string | null;
}

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

const MOST_CONNECTIONS = 64;

/** Throws a `ConfigError` where the port is taken. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port, metrics, notReady } = options;
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(response, 405, 'for reading only\n');
    if (path === '/healthz') return send(response, 200, 'ok\n');
    if (path === '/readyz') {
      const why = notReady();
      return send(response, why === null ? 200 : 503, `${why ?? 'ok'}\n`);
    }
    if (path !== '/metrics') return send(response, 404, 'there are /metrics, /healthz and /readyz\n');
    void metrics().then(
      (text) => send(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8'),
      (error: unknown) => send(response, 500, `${error instanceof Error ? error.message : 'failed'}\n`),
    );
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const what = `metrics cannot be served on ${host}:${port}: ${error.message}`;
      reject(new ConfigError(`${what}. Name another port (metrics.port, or --metrics)`, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${name}:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' });
  response.end(text);
}
