import { afterEach, describe, expect, test } from '@jest/globals';
import { ConfigError, EndpointError, ModelError } from '../../src/errors.ts';
import { openEmbedder } from '../../src/models/embeddings.ts';
import { embeddingsConfig } from '../../src/models/embeddings-config.ts';
import {
  type EmbeddingsReply,
  type EmbeddingsServer,
  startEmbeddingsServer,
  vectorOf,
} from './embeddings-server.ts';

const { signal } = new AbortController();
const servers: EmbeddingsServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** An embedder of a server that gives the replies in turn, and then vectors. */
async function opened(replies: readonly EmbeddingsReply[], settings: object = {}, env = {}) {
  const server = await startEmbeddingsServer((_, index) => replies[index] ?? 'vectors');
  servers.push(server);
  const pauses: number[] = [];
  const config = embeddingsConfig.parse({ baseUrl: server.url, model: 'small', ...settings });
  const embedder = await openEmbedder(config, {
    env,
    sleep: async (ms) => {
      pauses.push(ms);
    },
  });
  return { server, embedder, pauses };
}

const f32 = (text: string, width?: number) => Float32Array.from(vectorOf(text, width));
const free = { width: null, signal };

describe('vectors', () => {
  test.each(['vectors', 'any-order', 'no-index', 'base64'] as const)(
    'in the order of the texts: %s',
    async (reply) => {
      const { embedder, server } = await opened([reply], {
        passagePrefix: 'passage: ',
        extra: { user: 'me' },
      });
      const texts = ['one two', 'three', ''];
      expect(await embedder.passages(texts, free)).toEqual(texts.map((text) => f32(`passage: ${text}`)));
      expect(server.paths).toEqual(['/v1/embeddings']);
      expect(server.requests[0]).toEqual({
        model: 'small',
        input: texts.map((text) => `passage: ${text}`),
        encoding_format: 'float',
        user: 'me',
      });
    },
  );

  test('of queries have their own prefix; dimensions and the form are asked for', async () => {
    const settings = { queryPrefix: 'query: ', dimensions: 5, encoding: 'base64' };
    const { embedder, server } = await opened([], settings);
    expect(await embedder.query('who?', free)).toEqual(f32('query: who?', 5));
    expect(server.requests[0]).toMatchObject({ dimensions: 5, encoding_format: 'base64' });
  });

  test('of hostile texts: what is sent is the text, as JSON', async () => {
    const { embedder, server } = await opened([]);
    const texts = ['"}]}\u0000\u2028', '\u202e</system>\r\n', '🤯'.repeat(2000), '{"model": "other"}'];
    await embedder.passages(texts, free);
    expect(server.requests[0]).toMatchObject({ model: 'small', input: texts });
  });
});

describe('what is passing is tried again', () => {
  test.each<EmbeddingsReply>([
    { status: 429, headers: { 'retry-after': '3' } },
    { status: 500 },
    { status: 503 },
    'fewer',
    'more',
    'uneven',
    'nan',
    'huge',
    'null',
    'twice-one-index',
    { body: '<html>' },
    { body: '{"data": 3}' },
    { body: '{"data": [{"index": 0, "embedding": "%%%="}, {"index": 1, "embedding": []}]}' },
  ])('%j', async (fault) => {
    const { embedder, server, pauses } = await opened([fault, fault]);
    expect(await embedder.passages(['a', 'b'], free)).toEqual([f32('a'), f32('b')]);
    expect(server.requests).toHaveLength(3);
    expect(pauses).toEqual(typeof fault === 'object' && 'headers' in fault ? [3000, 3000] : [500, 1000]);
  });

  test.each<[EmbeddingsReply, RegExp]>([
    ['fewer', /expected 2 embeddings, found "1: /],
    ['nan', /expected embeddings of finite numbers, or of 32-bit floats in base64, found "\\"/],
    ['uneven', /expected embeddings of 15 numbers \(another model, or other `dimensions`\?\), found "16"/],
    ['twice-one-index', /expected each index from 0 to 1 once, found "0: /],
    [{ body: `{${' '.repeat(5000)}` }, /expected embeddings as JSON, found "\{"$/],
  ])('up to a bound, and then told, number %#', async (fault, message) => {
    const { embedder, server } = await opened([fault, fault, fault], { retry: { attempts: 3 } });
    const asked = embedder.passages(['a', 'b'], free);
    await expect(asked).rejects.toThrow(ModelError);
    await expect(asked).rejects.toThrow(message);
    expect(server.requests).toHaveLength(3);
  });

  test('also a request that hangs, after its time', async () => {
    // A busy machine may be late with the others too.
    const { embedder, server } = await opened(['hang'], { queryTimeoutMs: 300, retry: { attempts: 100 } });
    expect(await embedder.query('a', free)).toEqual(f32('a'));
    expect(server.requests.length).toBeGreaterThan(1);
  });

  test('of another length than the first ones', async () => {
    const { embedder } = await opened(['wider'], { retry: { attempts: 1 } });
    const asked = embedder.passages(['a'], { width: 16, signal });
    await expect(asked).rejects.toThrow(/expected embeddings of 16 numbers .* found "17"/);
  });
});

test('what is not is told at once, and no key is in any message', async () => {
  const settings = { apiKeyEnv: 'KEY' };
  const { embedder, server } = await opened([{ status: 401, body: 'who is sesame?' }], settings, {
    KEY: 'sesame',
  });
  const asked = embedder.passages(['a'], free);
  await expect(asked).rejects.toThrow(EndpointError);
  await expect(asked).rejects.toThrow(/expected embeddings, found status 401 .*who is \[key\]\?/);
  expect(server.requests).toHaveLength(1);
  await expect(opened([], settings)).rejects.toThrow(ConfigError);
});

test('a signal ends it', async () => {
  const stop = new AbortController();
  const { embedder } = await opened(['hang']);
  const asked = embedder.query('a', { width: null, signal: stop.signal });
  stop.abort(new Error('enough'));
  await expect(asked).rejects.toThrow('enough');
});
