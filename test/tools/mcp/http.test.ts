import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ConfigError, ToolError } from '../../../src/errors.ts';
import type { McpTool } from '../../../src/tools/mcp/mcp-tool.ts';
import { type AnyServer, json, type Seen, startAnyServer } from '../http/any-server.ts';
import { everything, openTool } from './open-tool.ts';

const { signal } = new AbortController();

let notes: string[] = [];
let closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  [notes, closing] = [[], []];
});

function tool(name: string, server: object, settings: object = {}): McpTool {
  const opened = openTool(
    { tool: name, server, ...settings },
    {
      env: { TOKEN: 'very-secret' },
      notify: (note) => void notes.push(note),
      sleep: async () => {},
    },
  );
  closing.push(() => opened.server.close());
  return opened.tool;
}

async function ask(from: McpTool, argument = 'hello'): Promise<[string, string]> {
  const { status, text } = await from.call(argument, { signal });
  return [status, text];
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the published server on a port; resolves when it listens. */
async function startEverything(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [everything, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    child.stderr?.on('data', (text: Buffer) => {
      if (text.includes('listening on port')) resolve();
    });
  });
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

test('a published server, which is started anew and has forgotten the session', async () => {
  const port = await freePort();
  const first = await startEverything(port);
  closing.push(() => stop(first));
  const url = `http://127.0.0.1:${port}/mcp`;
  const sum = tool('get-sum', { url, restarts: 1 });
  await sum.open(signal);
  expect(await ask(sum, '{"a": 2, "b": 40}')).toEqual(['OK', 'The sum of 2 and 40 is 42.']);
  expect(await ask(sum, '2 + 40')).toEqual(['REFUSED', expect.stringContaining('the argument is not JSON')]);
  await stop(first);
  expect(await ask(sum, '{"a": 1, "b": 1}')).toEqual(['REFUSED', 'Refused: the tool could not be reached.']);
  const second = await startEverything(port);
  closing.push(() => stop(second));
  expect(await ask(sum, '{"a": 20, "b": 1}')).toEqual(['OK', 'The sum of 20 and 1 is 21.']);
  await stop(second);
  const third = await startEverything(port);
  closing.push(() => stop(third));
  // Nobody noticed: the session is unknown, and the call is made again in a new one.
  expect(await ask(sum, '{"a": 20, "b": 2}')).toEqual(['OK', 'The sum of 20 and 2 is 22.']);
});

/** A server of the protocol over HTTP, without an SDK, that answers calls as a test says. */
async function serverThat(
  answer: (response: Parameters<typeof json>[0], id: number, seen: Seen) => unknown,
): Promise<AnyServer> {
  const server = await startAnyServer((response, seen) => {
    const { id, method, params } = JSON.parse(seen.body || '{}');
    const reply = (result: unknown) => json(response, { jsonrpc: '2.0', id, result });
    if (seen.method !== 'POST') return response.writeHead(405).end();
    if (id === undefined) return response.writeHead(202).end();
    if (method === 'initialize') {
      const { protocolVersion } = params;
      const serverInfo = { name: 'by hand', version: '1' };
      return reply({ protocolVersion, capabilities: { tools: {} }, serverInfo });
    }
    const inputSchema = { type: 'object', properties: { q: { type: 'string' } }, required: ['q'] };
    if (method === 'tools/list') return reply({ tools: [{ name: 'ask', inputSchema }] });
    return answer(response, id, seen);
  });
  closing.push(() => server.close());
  return server;
}

const good = (id: number) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'fine' }] } });

describe('headers and faults', () => {
  test('secrets come from the environment, with every request', async () => {
    const server = await serverThat((response, id) => json(response, good(id)));
    const asked = tool('ask', { url: server.url, tokenEnv: 'TOKEN', headers: { 'X-Team': 'a' } });
    expect(await ask(asked)).toEqual(['OK', 'fine']);
    const sent = server.seen.map(({ headers }) => [headers.authorization, headers['x-team']]);
    expect(new Set(sent.map(String))).toEqual(new Set(['Bearer very-secret,a']));
  });

  test.each<[string, Parameters<typeof serverThat>[0], [string, string]]>([
    [
      '500',
      (response) => response.writeHead(500).end('oh'),
      ['REFUSED', 'Refused: the server answered with status 500.'],
    ],
    [
      'a page',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      ['REFUSED', "Refused: the server's answer could not be understood."],
    ],
    [
      'half of it',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"js'),
      ['REFUSED', "Refused: the server's answer could not be understood."],
    ],
    ['closed', (response) => response.destroy(), ['REFUSED', 'Refused: the tool could not be reached.']],
    [
      'too large',
      (response, id) => json(response, { ...good(id), more: 'x'.repeat(5000) }),
      ['REFUSED', "Refused: the tool's server ended before it answered."],
    ],
    [
      'too large as an event',
      (response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${'x'.repeat(5000)}`),
      ['REFUSED', "Refused: the tool's server ended before it answered."],
    ],
    [
      'elsewhere',
      (response) => response.writeHead(307, { location: 'http://169.254.169.254/' }).end(),
      ['REFUSED', 'Refused: the server answered with status 307.'],
    ],
    [
      'many small events',
      (response, id) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (let i = 0; i < 100; i++) response.write(`: ${'x'.repeat(100)}\n\n`);
        response.end(`data: ${JSON.stringify(good(id))}\n\n`);
      },
      ['OK', 'fine'],
    ],
  ])('%s', async (_, answer, expected) => {
    const server = await serverThat(answer);
    expect(await ask(tool('ask', { url: server.url, maxMessageBytes: 2048 }))).toEqual(expected);
  });

  test.each(['nothing', 'headers'])('a call that hangs after %s', async (after) => {
    const server = await serverThat((response) => {
      if (after === 'headers') response.writeHead(200, { 'content-type': 'application/json' }).write('{');
    });
    expect(await ask(tool('ask', { url: server.url }, { timeoutMs: 50 }))).toEqual([
      'TIMED_OUT',
      'it did not answer in 50 ms.',
    ]);
  });
});

describe('what will not get better stops the run at its start', () => {
  test.each([
    [401, 'found status 401: the token is missing or wrong: see tokenEnv and headersEnv'],
    [403, 'found status 403: the token may not do this'],
    [404, 'found status 404: no such path: see url'],
  ])('status %s', async (status, message) => {
    const server = await startAnyServer((response) => response.writeHead(status).end());
    closing.push(() => server.close());
    const opened = tool('ask', { url: server.url }).open(signal);
    await expect(opened).rejects.toThrow(ConfigError);
    await expect(opened).rejects.toThrow(message);
    expect(server.seen).toHaveLength(1);
  });

  test('an endpoint that is down, after its restarts', async () => {
    const url = `http://127.0.0.1:${await freePort()}/mcp`;
    const down = tool('ask', { url, restarts: 2 });
    const opened = down.open(signal);
    await expect(opened).rejects.toThrow(ConfigError);
    await expect(opened).rejects.toThrow(/ECONNREFUSED.*; given up after 2 restarts/);
    await expect(down.call('x', { signal })).rejects.toThrow(ToolError);
  });
});
