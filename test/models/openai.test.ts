import { afterEach, describe, expect, test } from '@jest/globals';
import type { LanguageModel } from '../../src/agent/model.ts';
import { ConfigError, ModelError } from '../../src/errors.ts';
import { openaiModel } from '../../src/models/openai.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import { seedFor } from '../../src/random.ts';
import { until } from '../patience.ts';
import type { FaultServer, Reply } from './fault-server.ts';
import { completionBody, startFaultServer } from './fault-server.ts';

const KEY = 'sk-test-0123456789';
const env = { TEST_KEY: KEY, OPENAI_API_KEY: 'sk-of-somebody-else' };
const messages = [{ role: 'user', content: 'Who?' }] as const;
const { signal } = new AbortController();

let server: FaultServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

/** A completion that ends in a certain way. */
function ending(finish_reason: string, message: object, more: object = {}): Reply {
  return { kind: 'raw', body: JSON.stringify({ choices: [{ message, finish_reason, ...more }] }) };
}

async function modelBehind(
  script: Reply | (() => Reply | Promise<Reply>),
  settings: object = {},
): Promise<LanguageModel> {
  server = await startFaultServer(() => (typeof script === 'function' ? script() : script));
  const config = openaiConfig.parse({ baseUrl: server.url, model: 'm', ...settings });
  return openaiModel(config, { runSeed: 7, env });
}

async function failure(model: LanguageModel): Promise<ModelError> {
  const error = await model.complete({ messages, id: 'q1/0/0', signal }).then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelError);
  return error as ModelError;
}

describe('a request', () => {
  test('carries the conversation and the settings, and nothing that was not set', async () => {
    const model = await modelBehind('Y');
    const tokens = [1, 2];
    const completion = await model.complete({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Who?' },
        { role: 'assistant', content: '<search_query>X</search_query>', tokens },
        { role: 'user', content: 'X -> Y' },
      ],
      id: 'q1/0/1',
      signal,
    });
    expect(completion).toEqual({ text: 'Y', tokens: null, logprobs: null });
    expect(model.name).toBe('m');
    expect(server?.requests).toHaveLength(1);
    const [request] = server?.requests ?? [];
    expect(request).toMatchObject({ method: 'POST', path: '/v1/chat/completions' });
    expect(request?.headers.authorization).toBeUndefined();
    expect(request?.body).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Who?' },
        { role: 'assistant', content: '<search_query>X</search_query>' },
        { role: 'user', content: 'X -> Y' },
      ],
      temperature: 1,
      max_tokens: 512,
    });
  });

  test('carries everything that was set, and a seed that depends on the run and the record', async () => {
    const model = await modelBehind('Y', {
      apiKeyEnv: 'TEST_KEY',
      temperature: null,
      topP: 0.9,
      maxTokens: 5,
      maxTokensField: 'max_completion_tokens',
      stop: ['\n\n'],
      seed: true,
      extra: { top_k: 40 },
    });
    await model.complete({ messages, id: 'q1/0/0', signal });
    const [request] = server?.requests ?? [];
    expect(request?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(request?.body).toEqual({
      model: 'm',
      messages,
      top_p: 0.9,
      max_completion_tokens: 5,
      stop: ['\n\n'],
      seed: Number(seedFor(7, 'q1/0/0') % 2n ** 31n),
      top_k: 40,
    });
  });

  test('merges instructions into the question for models without a system role', async () => {
    const model = await modelBehind('Y', { system: 'merged' });
    await model.complete({
      messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
      id: 'x',
      signal,
    });
    expect(server?.requests[0]?.body.messages).toEqual([{ role: 'user', content: 'Be brief.\n\nWho?' }]);
  });

  test('waits for its turn where all places are taken', async () => {
    // Two are answered together, and the last one alone.
    let asked = 0;
    let waiting: (() => void)[] = [];
    const inPairs = async () => {
      if (++asked % 2 === 1 && asked < 7) await new Promise<void>((resolve) => waiting.push(resolve));
      for (const answer of waiting) answer();
      waiting = [];
      return 'Y';
    };
    const model = await modelBehind(inPairs, { concurrency: 2 });
    const all = Array.from({ length: 7 }, (_, i) => model.complete({ messages, id: `q/0/${i}`, signal }));
    expect((await Promise.all(all)).map(({ text }) => text)).toEqual(Array(7).fill('Y'));
    expect(server?.requests).toHaveLength(7);
    expect(server?.mostAtOnce).toBe(2);
  });

  test('an abort ends it with its reason, in flight or waiting', async () => {
    const model = await modelBehind({ kind: 'hang' }, { concurrency: 1 });
    const stops = [new AbortController(), new AbortController()];
    const [first, second] = stops.map((stop) => model.complete({ messages, id: 'x', signal: stop.signal }));
    await until('the request', () => server?.requests.length !== 0);
    for (const [i, stop] of stops.entries()) stop.abort(new Error(`stop ${i}`));
    await expect(first).rejects.toThrow('stop 0');
    await expect(second).rejects.toThrow('stop 1');
    expect(server?.requests).toHaveLength(1);
    const late = model.complete({ messages, id: 'x', signal: AbortSignal.abort(new Error('before')) });
    await expect(late).rejects.toThrow('before');
  });
});

describe('what breaks is a ModelError that says what was expected and found, after one request', () => {
  test.each<[string, Reply, boolean, string]>([
    ['429', { kind: 'status', status: 429 }, true, 'status 429 (too many requests)'],
    ['500', { kind: 'status', status: 500 }, true, 'status 500: '],
    [
      '502 with a page',
      { kind: 'raw', status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad</h1>' },
      true,
      'status 502: "<h1>Bad</h1>"',
    ],
    ['503, empty', { kind: 'raw', status: 503, body: '' }, true, 'status 503: '],
    [
      '400',
      { kind: 'status', status: 400 },
      false,
      'refuses the request): "{\\"message\\":\\"status 400 on purpose',
    ],
    ['401', { kind: 'status', status: 401 }, false, 'see apiKeyEnv'],
    ['404', { kind: 'status', status: 404 }, false, 'no such model or path: see baseUrl and model'],
    ['HTML', { kind: 'html' }, true, 'expected JSON, found "<!doctype html><html><body><h1>Sign in'],
    ['half a JSON', { kind: 'half-json' }, true, 'expected JSON, found "{\\"id\\":\\"chatcmpl-1'],
    ['an empty body', { kind: 'raw', body: ' ' }, true, 'expected JSON, found an empty body'],
    ['no choices', { kind: 'no-choices' }, true, 'at least one choice, found "{\\"id\\"'],
    ['an error with status 200', { kind: 'raw', body: '{"error":"overloaded"}' }, true, 'overloaded'],
    ['null', { kind: 'raw', body: 'null' }, true, 'at least one choice, found "null"'],
    [
      'a completion without text',
      ending('stop', { content: null }),
      true,
      'text (the completion ended with stop)',
    ],
    [
      'one that broke',
      ending('error', { content: '<math_exp>2+' }),
      true,
      'a whole completion, found one that ended with error',
    ],
    ['one that was aborted', ending('abort', { content: '' }), true, 'ended with abort'],
    [
      'an error in the choice',
      ending('stop', { content: '' }, { error: { code: 502 } }),
      true,
      'ended with stop',
    ],
    [
      'a filter',
      ending('content_filter', { content: '' }),
      false,
      'expected an action, found one that ended with content_filter',
    ],
    ["Gemini's filter", ending('SAFETY', { content: 'I' }), false, 'ended with SAFETY'],
    [
      'a refusal',
      ending('stop', { content: null, refusal: 'I cannot help.' }),
      false,
      'ended with a refusal',
    ],
    [
      'a refusal in parts',
      ending('stop', { content: [{ type: 'refusal', refusal: 'No.' }] }),
      false,
      'ended with a refusal',
    ],
    ['a connection that is closed', { kind: 'reset' }, true, 'expected a response, found'],
    ['a connection that breaks off', { kind: 'cut' }, true, 'expected a response, found'],
    [
      'a huge response',
      { kind: 'huge', bytes: 5_000_000 },
      false,
      'at most 4194304 bytes (maxResponseBytes), found more',
    ],
    ['a huge refusal', { kind: 'raw', status: 500, body: 'x'.repeat(3_000_000) }, true, 'status 500: '],
  ])('%s', async (_, reply, retryable, message) => {
    const model = await modelBehind(reply);
    const error = await failure(model);
    expect(error.message).toContain(`${server?.url}/chat/completions: expected`);
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(800);
    expect(error.retryable).toBe(retryable);
    expect(server?.requests).toHaveLength(1);
  });

  test.each<Reply>([{ kind: 'hang' }, { kind: 'stall' }, { kind: 'slow', ms: 60_000, text: 'Y' }])(
    'an endpoint that is too slow: %j',
    async (reply) => {
      const error = await failure(await modelBehind(reply, { timeoutMs: 100 }));
      expect(error.message).toContain('within 100 ms (timeoutMs)');
      expect(error.retryable).toBe(true);
    },
  );

  test('an endpoint that is down, and then is not', async () => {
    const model = await modelBehind('Y');
    const { url } = server as FaultServer;
    await server?.close();
    const error = await failure(model);
    expect(error.message).toContain(
      `${url}/chat/completions: expected a response, found connect ECONNREFUSED`,
    );
    expect(error.retryable).toBe(true);
  });

  test('trouble passes, and the place is given back', async () => {
    let asked = 0;
    const model = await modelBehind(() => (asked++ < 2 ? { kind: 'status', status: 500 } : 'Y'), {
      concurrency: 1,
    });
    await failure(model);
    await failure(model);
    expect((await model.complete({ messages, id: 'x', signal })).text).toBe('Y');
  });

  test.each<[Record<string, string>, number | undefined]>([
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '250', 'retry-after': '3' }, 250],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:10 GMT', date: 'Wed, 21 Oct 2026 07:28:00 GMT' }, 10_000],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:28:10 GMT' }, 0],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('Retry-After: %j is %s ms', async (headers, expected) => {
    expect((await failure(await modelBehind({ kind: 'status', status: 429, headers }))).retryAfterMs).toBe(
      expected,
    );
  });

  test('hostile characters of the other side are escaped', async () => {
    const body = 'a\u001b[2Jb\u202ec\u0000d\ud800e';
    const { message } = await failure(await modelBehind({ kind: 'raw', body }));
    expect(message).toContain('a\\u001b[2Jb\\u202ec\\u0000d');
    expect(message).toMatch(/^[\x20-\x7E\uFFFD]*$/);
  });
});

describe('the key', () => {
  test.each([401, 500, 200])(
    'is in no message, though the endpoint repeats it (status %d)',
    async (status) => {
      const body = JSON.stringify({ error: { message: `Incorrect API key ${KEY}` } });
      const error = await failure(
        await modelBehind({ kind: 'raw', status, body }, { apiKeyEnv: 'TEST_KEY' }),
      );
      expect(server?.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
      expect(error.message).toContain('Incorrect API key [key]');
      expect(JSON.stringify([error.message, String(error.stack), String(error.cause)])).not.toContain(KEY);
    },
  );

  test.each<[Record<string, string>, string]>([
    [{}, 'not set'],
    [{ TEST_KEY: ' ' }, 'not set'],
    [{ TEST_KEY: 'se\ncret' }, 'characters that no API key has'],
  ])('%j is refused before any request', async (variables, message) => {
    const config = openaiConfig.parse({ model: 'm', apiKeyEnv: 'TEST_KEY' });
    const made = openaiModel(config, { runSeed: 0, env: variables });
    await expect(made).rejects.toThrow(ConfigError);
    await expect(made).rejects.toThrow(message);
    await expect(made).rejects.not.toThrow('secret');
  });
});

test.each([
  { baseUrl: 'http://user:secret@host/v1' },
  { baseUrl: 'file:///etc/passwd' },
  { baseUrl: 'nonsense' },
  { extra: { messages: [] } },
  { extra: { stream: true } },
  { apiKeyEnv: 'sk-abc' },
  { apiKey: 'x' },
  { concurrency: 0 },
])('the configuration %j is wrong', (settings) => {
  expect(openaiConfig.safeParse({ model: 'm', ...settings }).success).toBe(false);
});

test('the server completes as the protocol says', () => {
  expect(JSON.parse(completionBody('Y', 'm')).choices[0].message).toEqual({
    role: 'assistant',
    content: 'Y',
  });
});
