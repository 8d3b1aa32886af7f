import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigError, EndpointError, ModelError } from '../../../src/errors.ts';
import type { Article } from '../../../src/input/article.ts';
import { openSearch, searchConfig } from '../../../src/tools/search.ts';
import { type EmbeddingsServer, vectorOf } from '../../models/embeddings-server.ts';
import { until } from '../../patience.ts';
import { corpora, made } from './made-corpora.ts';

const { signal } = new AbortController();
const { corpusFile, started } = corpora();

describe('the tool', () => {
  const articles: Article[] = [
    { title: 'Limmat', text: 'The Limmat is a river.' },
    { title: 'Eiger', text: 'The Eiger is a mountain of the Alps.' },
    { title: 'Goethe', text: 'Goethe was a poet, born in Frankfurt.' },
  ];
  const tool = (path: string, server: EmbeddingsServer, settings: object = {}, embeddings: object = {}) =>
    openSearch(
      'search',
      searchConfig.parse({
        ...{ corpus: path, ranking: 'dense', ...settings },
        embeddings: { baseUrl: server.url, model: 'small', retry: { attempts: 1 }, ...embeddings },
      }),
      { now: () => 0, env: {} },
    );

  test.each([
    ['memory', 20_000],
    ['disk', 0],
  ])('shows the nearest articles, index: %s, filterAbove: %i', async (index, filterAbove) => {
    const search = await tool(corpusFile(articles), await started(undefined, 64), { index, filterAbove });
    expect((await search.call('river', { signal })).text).toBe(
      'The Limmat is a river.'.replace(/^/, 'Limmat: '),
    );
    expect((await search.call('mountain Alps', { signal })).text).toMatch(/^Eiger: /);
    expect((await search.call(' \n', { signal })).text).toBe('Refused: the query has no words.');
    // Of signs alone there are no words, but there is a vector.
    expect((await search.call('☃', { signal })).status).toBe('OK');
    await search.close();
  });

  test('nothing that looks words up is built for vectors alone, and what is there is used', async () => {
    const server = await started(undefined, 64);
    const path = corpusFile(articles);
    const kept = () =>
      readdirSync(`${path}.index`)
        .filter((name) => /^[0-9a-f]/.test(name))
        .map((name) => statSync(join(`${path}.index`, name, 'postings.bin')).size);
    const found = async (settings: object) => {
      const search = await tool(path, server, { index: 'disk', ...settings });
      const { text } = await search.call('river', { signal });
      await search.close();
      return text;
    };
    expect(await found({})).toBe('Limmat: The Limmat is a river.');
    expect(kept()).toEqual([0]);
    expect(await found({ ranking: 'fused' })).toBe('Limmat: The Limmat is a river.');
    expect(kept().sort()).toEqual([0, expect.any(Number)]);
    expect(Math.max(...kept())).toBeGreaterThan(0);
    // The other way round the articles are there already.
    const other = corpusFile(articles);
    for (const settings of [{ ranking: 'fused' }, {}]) {
      const search = await tool(other, server, { index: 'disk', ...settings });
      expect((await search.call('river', { signal })).text).toMatch(/^Limmat/);
      await search.close();
    }
    expect(readdirSync(`${other}.index`).filter((name) => /^[0-9a-f]/.test(name))).toHaveLength(1);
    // Of another content the one of before goes, whoever made it.
    writeFileSync(path, `${JSON.stringify({ title: 'Rhine', text: 'A river.' })}\n`);
    expect(await found({})).toBe('Rhine: A river.');
    expect(kept()).toEqual([0]);
  });

  test('both rankings together', async () => {
    const search = await tool(corpusFile(articles), await started(undefined, 64), {
      ranking: 'fused',
      index: 'disk',
      results: 3,
    });
    expect((await search.call('a poet', { signal })).text).toMatch(/^Goethe was /);
    expect((await search.call('☃', { signal })).text.split('\n')).toHaveLength(3);
    await search.close();
  });

  test('an endpoint that gives another vector each time: the same query finds the same, in every run', async () => {
    let noise = 0;
    const server = await started(({ input }) => {
      if (input.length > 1) return 'vectors';
      noise += 0.7;
      const embedding = vectorOf(input[0] ?? '').map((value, i) => value + Math.sin(noise * (i + 1)));
      return { body: JSON.stringify({ data: [{ embedding }] }) };
    });
    const path = corpusFile(made(300));
    const queries = Array.from({ length: 20 }, (_, i) => `w${i} t${i}`);
    const run = async () => {
      const search = await tool(path, server, { results: 5 });
      const found = [];
      for (const query of queries) found.push(await search.call(query, { signal }));
      const together = await Promise.all(queries.map((query) => search.call(query, { signal })));
      expect(together).toEqual(found);
      await search.close();
      return found;
    };
    const first = await run();
    const asked = server.requests.length;
    expect(asked).toBe(5 + queries.length);
    expect(await run()).toEqual(first);
    expect(server.requests).toHaveLength(asked);
    // A kept one that is damaged is asked for again.
    const kept = readdirSync(`${path}.index`).find((name) => name.startsWith('queries-')) ?? '';
    const [one = ''] = readdirSync(join(`${path}.index`, kept));
    truncateSync(join(`${path}.index`, kept, one), 30);
    await run();
    expect(server.requests).toHaveLength(asked + 1);
  });

  test('no more queries are kept than said', async () => {
    const server = await started();
    const path = corpusFile(articles);
    const search = await tool(path, server, {}, { keepQueries: 2 });
    for (const query of ['a', 'b', 'c', 'd', 'c']) await search.call(query, { signal });
    await search.close();
    const kept = readdirSync(`${path}.index`).find((name) => name.startsWith('queries-')) ?? '';
    expect(readdirSync(join(`${path}.index`, kept))).toHaveLength(2);
    expect(server.requests).toHaveLength(5);
  });

  test('two at once ask once; one who gives up takes nothing from the other', async () => {
    const gate = { open: () => {} };
    const opening = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    const server = await started(async (_, index) => {
      if (index > 0) await opening;
      return 'vectors' as const;
    });
    const search = await tool(corpusFile(articles), server);
    const stop = new AbortController();
    const first = search.call('poet', { signal: stop.signal });
    const second = search.call('poet', { signal });
    await until('the request', () => server.requests.length === 2);
    stop.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    gate.open();
    expect((await second).text).toMatch(/^Goethe/);
    await search.close();
  });

  test('an endpoint that fails is an error, and no observation', async () => {
    const path = corpusFile(articles);
    const server = await started(
      (_, index) =>
        ['vectors' as const, { status: 500 }, { status: 401 }, 'wider' as const][index] ?? 'vectors',
    );
    const search = await tool(path, server);
    await expect(search.call('a', { signal })).rejects.toThrow(ModelError);
    await expect(search.call('a', { signal })).rejects.toThrow(EndpointError);
    const other = search.call('a', { signal });
    await expect(other).rejects.toThrow(ConfigError);
    await expect(other).rejects.toThrow(
      /gives vectors of 17 numbers as small, where those of .* have 16: it is another model/,
    );
    expect((await search.call('a', { signal })).status).toBe('OK');
    await search.close();
  });

  test('whatever a policy writes: an observation, and the vectors of it are sent for as it stands', async () => {
    const server = await started();
    const search = await tool(corpusFile(articles), server, { ranking: 'fused' }, { queryPrefix: 'query: ' });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 80 }), async (query) => {
        const { status } = await search.call(query, { signal });
        const text = query.toWellFormed().trim();
        expect(status).toBe(text === '' ? 'REFUSED' : 'OK');
        if (text !== '')
          expect(server.requests.some(({ input }) => input[0] === `query: ${text}`)).toBe(true);
      }),
      { numRuns: 60 },
    );
    expect((await search.call('x'.repeat(501), { signal })).status).toBe('REFUSED');
    await search.close();
  });

  test('a ranking by vectors without embeddings is a mistake', () => {
    const { error } = searchConfig.safeParse({ corpus: 'c', ranking: 'fused' });
    expect(error?.issues).toMatchObject([{ path: ['embeddings'] }]);
  });
});
