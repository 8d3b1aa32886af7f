import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { checkEndpoints } from '../../src/cli/doctor-endpoints.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

async function check(settings: { baseUrl: string; apiKeyEnv?: string }, env: Record<string, string> = {}) {
  const judge = { kind: 'openai' as const, ...openaiConfig.parse({ model: 'gemma', ...settings }) };
  const checks = [];
  for await (const found of checkEndpoints({ judge, policy: judge, reward: { kind: 'rules' } }, env)) {
    checks.push(found);
  }
  expect(checks.map(({ name }) => name)).toEqual(["policy's endpoint", "judge's endpoint"]);
  return checks[1];
}

const list =
  (...ids: string[]): RequestListener =>
  (request, response) => {
    const known =
      request.url === '/v1/models' && [undefined, 'Bearer right'].includes(request.headers.authorization);
    response.writeHead(known ? 200 : 401).end(JSON.stringify({ data: ids.map((id) => ({ id })) }));
  };

describe("the doctor's look at endpoints", () => {
  test('one that serves the model', async () => {
    const baseUrl = await serve(list('llama', 'gemma'));
    expect(await check({ baseUrl })).toMatchObject({ ok: true, found: `${baseUrl} serves gemma` });
    expect(await check({ baseUrl: await serve(list('models/gemma')) })).toMatchObject({ ok: true });
  });

  test('one that serves other models', async () => {
    const baseUrl = await serve(list('llama'));
    expect(await check({ baseUrl })).toMatchObject({
      ok: false,
      found: `${baseUrl} does not serve gemma; it serves llama`,
    });
  });

  test('one that is down', async () => {
    const baseUrl = await serve(list());
    servers.pop()?.close();
    expect(await check({ baseUrl })).toMatchObject({
      ok: false,
      found: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('keys: not set, wrong, right; none is printed', async () => {
    const baseUrl = await serve(list('gemma'));
    expect(await check({ baseUrl, apiKeyEnv: 'KEY' })).toMatchObject({
      ok: false,
      found: 'KEY, which apiKeyEnv names, is not set',
    });
    const wrong = await check({ baseUrl, apiKeyEnv: 'KEY' }, { KEY: 'wrong' });
    expect(wrong).toMatchObject({
      ok: false,
      found: `${baseUrl} refuses the API key (status 401)`,
      fix: 'correct the key in KEY',
    });
    expect(await check({ baseUrl, apiKeyEnv: 'KEY' }, { KEY: 'right' })).toMatchObject({ ok: true });
  });

  test('one without a list of models answers all the same; one with status 500 is at fault', async () => {
    const html = await serve((_, response) => void response.writeHead(404).end('<html>'));
    expect(await check({ baseUrl: html })).toMatchObject({
      ok: true,
      found: `${html} answers (no list of models, status 404)`,
    });
    const broken = await serve((_, response) => void response.writeHead(503).end());
    expect(await check({ baseUrl: broken })).toMatchObject({
      ok: false,
      found: `${broken} answers with status 503`,
    });
  });
});
