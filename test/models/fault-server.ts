/**
 * A real HTTP server that speaks the OpenAI chat-completions protocol, answers as a script says, and breaks
 * in the ways in which endpoints break. For tests of everything that talks to a remote model.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { startLocalServer } from '../local-server.ts';

/** A request, as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** The parsed body: model, messages, temperature and so on. */
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly [field: string]: unknown;
  };
}

/** What the server does with a request. A plain text is a completion. */
export type Reply =
  | string
  /** A completion that comes late. */
  | { readonly kind: 'slow'; readonly ms: number; readonly text: string }
  /** Any response at all. */
  | {
      readonly kind: 'raw';
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
    }
  /** An error in the protocol's form. */
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** A page with status 200. */
  | { readonly kind: 'html' }
  /** A completion that breaks off in the middle, as a complete response. */
  | { readonly kind: 'half-json' }
  /** A completion whose connection breaks off in the middle. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'no-choices' }
  /** The connection is closed without a response. */
  | { readonly kind: 'reset' }
  /** No response, ever. */
  | { readonly kind: 'hang' }
  /** Headers and the beginning of the body, and then nothing, ever. */
  | { readonly kind: 'stall' }
  /** A response of so many bytes. */
  | { readonly kind: 'huge'; readonly bytes: number };

export interface FaultServer {
  /** The endpoint's base URL, with `/v1`. */
  readonly url: string;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** The largest number of requests that were open at once. */
  readonly mostAtOnce: number;
  /** Stops listening and drops every connection. The URL is then one that is down. */
  close(): Promise<void>;
}

/**
 * Starts a server on a free port of this machine. `script` is asked for each request, with its number from 0.
 */
export async function startFaultServer(
  script: (request: SeenRequest, index: number) => Reply | Promise<Reply>,
): Promise<FaultServer> {
  const requests: SeenRequest[] = [];
  const server = await startLocalServer(async (request, response) => {
    try {
      const seen: SeenRequest = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: JSON.parse((await text(request)) || 'null'),
      };
      requests.push(seen);
      await answer(await script(seen, requests.length - 1), seen, response);
    } catch (error) {
      // A client that hung up is part of the tests; a script that threw is seen as status 599.
      if (!response.headersSent) response.writeHead(599).end(String(error));
    }
  });
  return {
    url: `${server.url}/v1`,
    requests,
    get mostAtOnce() {
      return server.mostAtOnce();
    },
    close: server.close,
  };
}

/** A chat completion in the protocol's form. */
export function completionBody(text: string, model = 'scripted'): string {
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model,
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: text } }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function answer(reply: Reply, seen: SeenRequest, response: ServerResponse): Promise<void> {
  if (typeof reply === 'string') {
    response.writeHead(200, JSON_TYPE).end(completionBody(reply, seen.body.model));
    return;
  }
  switch (reply.kind) {
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, reply.ms).unref());
      response.writeHead(200, JSON_TYPE).end(completionBody(reply.text, seen.body.model));
      return;
    case 'raw':
      response.writeHead(reply.status ?? 200, reply.headers ?? JSON_TYPE).end(reply.body);
      return;
    case 'status':
      response.writeHead(reply.status, { ...JSON_TYPE, ...reply.headers }).end(
        JSON.stringify({
          error: { message: `status ${reply.status} on purpose`, type: 'fault', code: null },
        }),
      );
      return;
    case 'html':
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><html><body><h1>Sign in</h1></body></html>');
      return;
    case 'half-json':
      response.writeHead(200, JSON_TYPE).end(completionBody('half of it').slice(0, 90));
      return;
    case 'cut':
      response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' });
      response.write(completionBody('half of it').slice(0, 90), () => response.destroy());
      return;
    case 'no-choices':
      response.writeHead(200, JSON_TYPE).end('{"id":"x","object":"chat.completion","choices":[]}');
      return;
    case 'reset':
      response.destroy();
      return;
    case 'hang':
      return;
    case 'stall':
      response.writeHead(200, JSON_TYPE).write('{"id":');
      return;
    case 'huge':
      response.writeHead(200, JSON_TYPE);
      // The client hangs up in the middle, as it should.
      await pipeline(Readable.from(filler(reply.bytes)), response).catch(() => {});
  }
}

function* filler(bytes: number): Generator<Buffer> {
  const piece = Buffer.alloc(65_536, 'x');
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
}
