import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { checkEmbeddings } from '../../src/cli/doctor-embeddings.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { builtProgram } from '../end-to-end/built-program.ts';
import { vectorOf } from '../models/embeddings-server.ts';
import { corpora, made } from '../tools/search/made-corpora.ts';

const { corpusFile, started } = corpora();

function index(...args: string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtProgram(), 'index', ...args], {
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr };
}

test('an index that is there is read whole: a changed byte is told, and built again when asked for', () => {
  const path = corpusFile(made(300));
  expect(index(path)).toMatchObject({
    status: 0,
    said: expect.stringMatching(/: 300 articles, .*; indexed in/),
  });
  expect(index(path)).toMatchObject({
    status: 0,
    said: expect.stringMatching(/; it is there already, and whole\n$/),
  });
  const [name = ''] = readdirSync(`${path}.index`);
  const place = join(`${path}.index`, name, 'articles.bin');
  const before = readFileSync(place);
  const bytes = Buffer.from(before);
  bytes[1000] = (bytes[1000] ?? 0) ^ 4;
  writeFileSync(place, bytes);
  const told = index(path);
  expect(told.status).toBe(1);
  expect(told.said).toMatch(/articles\.bin: the bytes from 0 on .* run `swirl index --again`/);
  expect(index('--again', path)).toMatchObject({
    status: 0,
    said: expect.stringMatching(/; it was damaged, and is indexed/),
  });
  expect(readFileSync(place)).toEqual(before);
  expect(JSON.parse(index('--json', '--again', path).said)).toMatchObject({ articles: 300, built: false });
});

describe('swirl doctor, of embeddings', () => {
  const found = async (path: string, embeddings: object, env = {}) => {
    const search = { kind: 'search', corpus: path, ranking: 'dense', embeddings };
    const topology = resolveTopology({ tools: { search }, tasks: { all: { tools: ['search'] } } }, '/');
    const checks = [];
    const { signal } = new AbortController();
    for await (const check of checkEmbeddings(topology, { env, signal })) checks.push(check);
    expect(checks.map(({ name }) => name)).toEqual(['tools.search.embeddings']);
    return checks[0];
  };

  test('says whether they answer, are there, are whole, and are of the model that answers', async () => {
    const path = corpusFile(made(30));
    let shift = 0;
    const server = await started(({ input }) => ({
      body: JSON.stringify({
        data: input.map((text) => ({ embedding: vectorOf(text).map((value, i) => value + shift * i) })),
      }),
    }));
    const embeddings = { baseUrl: server.url, model: 'small', retry: { attempts: 1 } };
    expect(await found(path, embeddings)).toMatchObject({
      ok: true,
      found: expect.stringMatching(/gives 16 numbers as small; .* are not embedded yet: `swirl index`/),
    });
    const { openSearch, searchConfig } = await import('../../src/tools/search.ts');
    const config = searchConfig.parse({ corpus: path, ranking: 'dense', embeddings });
    await (await openSearch('search', config, { now: () => 0 })).close();
    expect(await found(path, embeddings)).toMatchObject({
      ok: true,
      found: expect.stringMatching(/, as the 30 vectors of .* have, which are whole$/),
    });
    shift = 1;
    expect(await found(path, embeddings)).toMatchObject({
      ok: false,
      found: expect.stringMatching(
        /does not fit .* the first article's vector is another now \(cosine -?0\.\d+\)/,
      ),
    });
    const wider = await started(undefined, 17);
    expect(await found(path, { ...embeddings, baseUrl: wider.url })).toMatchObject({
      ok: false,
      found: expect.stringMatching(/gives 17 numbers as small, which does not fit .* which have 16$/),
    });
  });

  test('says what an endpoint does wrong, and which variable is not set', async () => {
    const path = corpusFile(made(3));
    const server = await started(() => ({ status: 401 }));
    const embeddings = { baseUrl: server.url, model: 'small' };
    expect(await found(path, embeddings)).toMatchObject({
      ok: false,
      found: expect.stringMatching(/status 401/),
    });
    expect(await found(path, { ...embeddings, apiKeyEnv: 'NONE' })).toMatchObject({
      ok: false,
      found: expect.stringMatching(/NONE, which is not set/),
    });
  });
});
