/** A real HTTP server that answers as a test says, and breaks as endpoints break. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface AnyServer {
  /** Without a slash at its end. */
  readonly url: string;
  readonly seen: Seen[];
  /** The largest number of requests that were open at once. */
  readonly mostAtOnce: number;
  close(): Promise<void>;
}

/** Starts a server on a free port of this machine. */
export async function startAnyServer(
  answer: (response: ServerResponse, seen: Seen, index: number) => unknown,
): Promise<AnyServer> {
  const seen: Seen[] = [];
  let [open, mostAtOnce] = [0, 0];
  const server = createServer(async (request, response) => {
    open += 1;
    mostAtOnce = Math.max(mostAtOnce, open);
    response.once('close', () => {
      open -= 1;
    });
    const { method = '', url = '', headers } = request;
    const one = { method, url, headers, body: await text(request) };
    seen.push(one);
    await answer(response, one, seen.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    get mostAtOnce() {
      return mostAtOnce;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
