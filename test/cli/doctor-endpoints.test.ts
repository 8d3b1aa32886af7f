import { afterEach, describe, expect, test } from '@jest/globals';
import { checkEndpoints } from '../../src/cli/doctor-endpoints.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import { type FaultServer, type Reply, type SeenRequest, startFaultServer } from '../models/fault-server.ts';

const servers: FaultServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** An endpoint that answers a chat so, and lists these models. */
async function serve(chat: Reply | ((request: SeenRequest) => Reply), listed?: readonly string[]) {
  const server = await startFaultServer((request) => {
    if (!request.path.endsWith('/models')) return typeof chat === 'function' ? chat(request) : chat;
    if (listed === undefined) return { kind: 'status', status: 404 };
    return { kind: 'raw', body: JSON.stringify({ data: listed.map((id) => ({ id })) }) };
  });
  servers.push(server);
  return server;
}

interface Settings {
  readonly baseUrl: string;
  readonly apiKeyEnv?: string;
  readonly [key: string]: unknown;
}

/** Waited out where an endpoint hangs; the others have all the time that they need. */
const IMPATIENT_MS = 300;

async function check(settings: Settings, env: Record<string, string> = {}, timeoutMs = 60_000) {
  const judge = { kind: 'openai' as const, ...openaiConfig.parse({ model: 'gemma', ...settings }) };
  const checks = [];
  const deps = { env, now: () => 0, timeoutMs };
  for await (const found of checkEndpoints({ judge, policy: judge, reward: { kind: 'rules' } }, deps)) {
    checks.push(found);
  }
  expect(checks.map(({ name }) => name)).toEqual(["policy's endpoint", "judge's endpoint"]);
  return checks[1];
}

const key =
  (right: string) =>
  ({ headers }: SeenRequest): Reply =>
    headers.authorization === `Bearer ${right}` ? 'Hello' : { kind: 'status', status: 401 };

describe("the doctor's look at endpoints", () => {
  test('one that answers, whether it lists its models or not; two roles cost one token', async () => {
    const server = await serve('Hello');
    expect(await check({ baseUrl: server.url, extra: { top_k: 3 } })).toEqual({
      name: "judge's endpoint",
      ok: true,
      found: `${server.url} answers as gemma, in 0.0 s (asked for one token)`,
    });
    expect(server.requests.length).toBe(1);
    expect(server.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      body: { model: 'gemma', max_tokens: 1, top_k: 3 },
    });
  });

  test('one that lists the model and cannot run it is at fault all the same', async () => {
    const { url } = await serve({ kind: 'status', status: 500 }, ['gemma']);
    expect(await check({ baseUrl: url })).toMatchObject({
      ok: false,
      found: expect.stringContaining('found status 500'),
      fix: "it lists the model: look at the server's log",
    });
  });

  test('one that serves other models', async () => {
    const { url } = await serve({ kind: 'status', status: 404 }, ['llama']);
    expect(await check({ baseUrl: url })).toMatchObject({
      ok: false,
      found: `${url} does not serve gemma; it serves llama`,
      fix: 'correct `model`, or load that model into the server',
    });
  });

  test('one that is down', async () => {
    const server = await serve('Hello');
    await servers.pop()?.close();
    expect(await check({ baseUrl: server.url })).toMatchObject({
      ok: false,
      found: expect.stringContaining('ECONNREFUSED'),
      fix: 'start the server, or correct baseUrl',
    });
  });

  test.each([
    ['hang', /expected a chat completion within 300 ms/],
    ['stall', /within 300 ms/],
    ['reset', /expected a response, found/],
    ['cut', /expected a response, found/],
    ['html', /expected JSON, found "<!doctype html>/],
    ['half-json', /expected JSON, found/],
    ['no-choices', /expected a chat completion with at least one choice/],
  ] as const)('one that does not answer as it should: %s', async (kind, message) => {
    const { url } = await serve({ kind });
    const hangs = kind === 'hang' || kind === 'stall';
    const found = await check({ baseUrl: url }, {}, hangs ? IMPATIENT_MS : undefined);
    expect(found).toMatchObject({ ok: false, found: expect.stringMatching(message) });
    expect(found?.fix).toBeDefined();
  });

  test('keys: not set, wrong, right; none is printed', async () => {
    const { url } = await serve(key('right'), ['gemma']);
    expect(await check({ baseUrl: url, apiKeyEnv: 'KEY' })).toMatchObject({
      ok: false,
      found: expect.stringContaining('KEY, which is not set'),
      fix: `export KEY with the API key of ${url}`,
    });
    const wrong = await check({ baseUrl: url, apiKeyEnv: 'KEY' }, { KEY: 'secret-wrong' });
    expect(wrong).toMatchObject({
      ok: false,
      found: expect.stringContaining('status 401'),
      fix: 'correct the key in KEY',
    });
    expect(JSON.stringify(wrong)).not.toContain('secret-wrong');
    expect(await check({ baseUrl: url, apiKeyEnv: 'KEY' }, { KEY: 'right' })).toMatchObject({ ok: true });
  });

  test('a model that calls the largest length by its other name: what to set', async () => {
    const message =
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    const answer = ({ body }: SeenRequest): Reply =>
      'max_tokens' in body
        ? { kind: 'raw', status: 400, body: JSON.stringify({ error: { message } }) }
        : 'Hello';
    const { url } = await serve(answer, ['gemma']);
    expect(await check({ baseUrl: url })).toMatchObject({
      ok: false,
      fix: 'set maxTokensField to max_completion_tokens',
    });
    expect(await check({ baseUrl: url, maxTokensField: 'max_completion_tokens' })).toMatchObject({
      ok: true,
    });
  });

  test('a model that thinks first, for which one token is too few, is there', async () => {
    const message = 'Could not finish the message because max_tokens or model output limit was reached.';
    const refusal = { kind: 'raw', status: 400, body: JSON.stringify({ error: { message } }) } as const;
    const { url } = await serve(refusal);
    expect(await check({ baseUrl: url })).toMatchObject({ ok: true });
    const cut = { finish_reason: 'length', message: { content: null, reasoning_content: 'We' } };
    const thinking = await serve({ kind: 'raw', body: JSON.stringify({ choices: [cut] }) });
    expect(await check({ baseUrl: thinking.url })).toMatchObject({ ok: true });
  });
});
