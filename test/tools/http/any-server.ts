/** A real HTTP server that answers as a test says, and breaks as endpoints break. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { startLocalServer } from '../../local-server.ts';

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
  const server = await startLocalServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const one = { method, url, headers, body: await text(request) };
    seen.push(one);
    await answer(response, one, seen.length - 1);
  });
  return {
    url: server.url,
    seen,
    get mostAtOnce() {
      return server.mostAtOnce();
    },
    close: server.close,
  };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
