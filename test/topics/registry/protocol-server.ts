/**
 * A schema registry in this process, for tests without a real one: the part of Confluent's protocol that
 * Swirl speaks, and the faults that a real one is not easily brought to.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
}

/** Takes the place of one answer. Does nothing: the request hangs. */
export type Fault = (response: ServerResponse) => void;

export interface ProtocolServer {
  readonly url: string;
  readonly seen: Seen[];
  /** Taken one by one by the next requests. */
  readonly faults: Fault[];
  /** Refuses any other schema under the subject with these words. */
  refuse(subject: string, words: string): void;
  add(schema: string, more?: Record<string, unknown>): number;
  /** Registers a schema under a subject, as another program would. */
  register(subject: string, schema: string): void;
  readonly subjects: ReadonlyMap<string, number[]>;
  close(): Promise<void>;
}

export const answer =
  (status: number, body: unknown): Fault =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
export const hang: Fault = () => {};
export const cut: Fault = (response) => void response.socket?.destroy();

export async function protocolServer(basic?: string): Promise<ProtocolServer> {
  const schemas: { schema: string; more: Record<string, unknown> }[] = [];
  const subjects = new Map<string, number[]>();
  const refused = new Map<string, string>();
  const seen: Seen[] = [];
  const faults: Fault[] = [];
  const idOf = (schema: string, more: Record<string, unknown> = {}): number => {
    const found = schemas.findIndex((known) => known.schema === schema);
    return found >= 0 ? found + 1 : schemas.push({ schema, more });
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = decodeURIComponent(request.url ?? '');
    seen.push({ method: request.method ?? '', path, authorization: request.headers.authorization });
    const fault = faults.shift();
    if (fault !== undefined) return fault(response);
    if (basic !== undefined && request.headers.authorization !== `Basic ${btoa(basic)}`) {
      return answer(401, { error_code: 40101, message: 'Unauthorized' })(response);
    }
    const [, id] = /^\/schemas\/ids\/(\d+)$/.exec(path) ?? [];
    if (id !== undefined) {
      const known = schemas[Number(id) - 1];
      if (known === undefined)
        return answer(404, { error_code: 40403, message: 'Schema not found' })(response);
      return answer(200, { schema: known.schema, ...known.more })(response);
    }
    const [, subject, versions] = /^\/subjects\/([^/]+)(\/versions)?$/.exec(path) ?? [];
    if (subject === undefined)
      return answer(404, { error_code: 404, message: 'HTTP 404 Not Found' })(response);
    if (request.method === 'GET') {
      const versions = subjects.get(subject)?.map((_, version) => version + 1);
      if (versions !== undefined) return answer(200, versions)(response);
      return answer(404, { error_code: 40401, message: 'Subject not found' })(response);
    }
    const { schema } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { schema: string };
    const words = refused.get(subject);
    if (versions !== undefined && words !== undefined) {
      return answer(409, { error_code: 409, message: words })(response);
    }
    const own = subjects.get(subject) ?? [];
    if (versions !== undefined) subjects.set(subject, [...own, idOf(schema)]);
    else if (!own.some((version) => schemas[version - 1]?.schema === schema)) {
      return answer(404, { error_code: 40403, message: 'Schema not found' })(response);
    }
    return answer(200, { id: idOf(schema) })(response);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    faults,
    subjects,
    refuse: (subject, words) => void refused.set(subject, words),
    register: (subject, schema) => void subjects.set(subject, [idOf(schema)]),
    add: idOf,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
