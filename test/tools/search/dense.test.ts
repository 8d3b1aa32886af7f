import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigError, DataError, ModelError } from '../../../src/errors.ts';
import { openEmbedder } from '../../../src/models/embeddings.ts';
import { embeddingsConfig } from '../../../src/models/embeddings-config.ts';
import { fuse } from '../../../src/tools/search/dense/fuse.ts';
import { type DenseIndex, openVectors } from '../../../src/tools/search/dense/open-vectors.ts';
import { builtProgram } from '../../end-to-end/built-program.ts';
import { type EmbeddingsServer, vectorOf } from '../../models/embeddings-server.ts';
import { patiently } from '../../patience.ts';
import { corpora, made } from './made-corpora.ts';

const { folder, corpusFile, started } = corpora();
const { signal } = new AbortController();
const goOn = async () => true;

interface Opening {
  readonly path: string;
  readonly server: Pick<EmbeddingsServer, 'url'>;
  readonly settings?: object;
  readonly stop?: AbortSignal;
  readonly filterAbove?: number;
  readonly cacheBytes?: number;
}

async function opened({ path, server, settings = {}, stop = signal, ...more }: Opening): Promise<DenseIndex> {
  const config = embeddingsConfig.parse({ baseUrl: server.url, model: 'small', ...settings });
  const embedder = await openEmbedder(config, { env: {}, sleep: async () => {} });
  const quiet = { onProgress: () => {}, onWait: () => {} };
  const kept = { cacheBytes: 1 << 22, filterAbove: 1_000, ...more };
  return openVectors({ path, config, embedder, signal: stop, ...kept, ...quiet });
}

function vectorsFile(path: string): string {
  const name = readdirSync(`${path}.index`).find((entry) => entry.startsWith('vectors-'));
  return join(`${path}.index`, name ?? 'none', 'vectors.bin');
}

/** The best by brute force: every dot product in 64 bits, in the order of the numbers, and a whole sort. */
function bruteForce(rows: readonly Float32Array[], query: Float32Array, count: number): number[] {
  const dot = (row: Float32Array) => row.reduce((sum, value, i) => sum + value * (query[i] as number), 0);
  const scores = rows.map(dot);
  return scores
    .map((_, i) => i)
    .sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b)
    .slice(0, count);
}

describe('the nearest', () => {
  test.each([
    ['cosine', 1500, 300],
    ['dot', 7, 300],
    ['cosine', 1500, 0],
    ['dot', 7, 299],
  ])(
    'by %s of %i numbers, filtered above %i, are those of brute force, of equal ones the first',
    async (similarity, width, filterAbove) => {
      // More than a piece of the file, and many that are the same.
      const articles = made(300);
      const server = await started(undefined, width);
      const path = corpusFile(articles);
      const index = await opened({ path, server, settings: { similarity }, filterAbove });
      const bytes = readFileSync(vectorsFile(path));
      const rows = articles.map((_, i) =>
        Float32Array.from({ length: width }, (__, k) => bytes.readFloatLE((i * width + k) * 4)),
      );
      for (const [i, row] of rows.entries()) {
        const { title = '', text = '' } = articles[i] ?? {};
        const vector = Float32Array.from(vectorOf(`${title}: ${text}`, width));
        const length = similarity === 'cosine' ? Math.hypot(...vector) : 1;
        const furthest = row.reduce(
          (most, value, k) => Math.max(most, Math.abs(value - (vector[k] as number) / length)),
          0,
        );
        expect(furthest).toBeLessThan(1e-6);
      }
      for (const query of ['w3', 't5 w1', 'nobody has this', 'w1 w1 w2']) {
        const vector = await index.query(query, signal);
        for (const count of [1, 1000])
          expect(await index.rank(vector, count, goOn)).toEqual(bruteForce(rows, vector, count));
      }
      index.close();
    },
  );

  test('are given up when the time is up', async () => {
    for (const filterAbove of [0, 5]) {
      const index = await opened({ path: corpusFile(made(5)), server: await started(), filterAbove });
      expect(await index.rank(await index.query('w1', signal), 3, async () => false)).toBe(null);
      index.close();
    }
  });
});

test('both rankings are put together by their ranks, ties by number', () => {
  const ranking = fc.uniqueArray(fc.nat(30));
  fc.assert(
    fc.property(ranking, ranking, fc.nat(100), (a, b, k) => {
      const score = (article: number) =>
        [a, b].reduce(
          (sum, one) => (one.includes(article) ? sum + 1 / (k + one.indexOf(article) + 1) : sum),
          0,
        );
      const expected = [...new Set([...a, ...b])].sort((x, y) => score(y) - score(x) || x - y);
      expect(fuse([a, b], k)).toEqual(expected);
      expect(fuse([b, a], k)).toEqual(expected);
    }),
  );
  // By hand, with k = 60: 1/61 + 1/63 for 7, 1/62 + 1/61 for 3, 1/62 for 9.
  expect(
    fuse(
      [
        [7, 3],
        [3, 9, 7],
      ],
      60,
    ),
  ).toEqual([3, 7, 9]);
});

describe('the making of vectors', () => {
  test('asks for no more at once than it may, and for each article once', async () => {
    const server = await started();
    const index = await opened({
      ...{ path: corpusFile(made(90)), server },
      settings: { concurrency: 3, passagesAtOnce: 8, maxPassageChars: 9 },
    });
    index.close();
    const asked = server.requests.flatMap(({ input }) => input);
    // What is under way together arrives in any order.
    expect(asked.sort()).toEqual(
      made(90)
        .map(({ title, text }) => `${title}: ${text}`.slice(0, 9))
        .sort(),
    );
    expect(server.mostAtOnce()).toBeLessThanOrEqual(3);
    expect(server.requests).toHaveLength(12);
  });

  test('goes on where it was ended, and pays for nothing twice', async () => {
    const articles = made(200);
    const settings = { concurrency: 2, passagesAtOnce: 10 };
    const whole = corpusFile(articles);
    (await opened({ path: whole, server: await started(), settings })).close();
    const path = corpusFile(articles);
    let ends = 0;
    const server = await started((_, index) => (index % 5 === 4 ? { status: 400 } : 'vectors'));
    for (;;) {
      try {
        (await opened({ path, server, settings })).close();
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(ModelError);
        ends++;
      }
    }
    expect(ends).toBeGreaterThan(2);
    expect(readFileSync(vectorsFile(path))).toEqual(readFileSync(vectorsFile(whole)));
    // Beyond those that were refused, only what was under way beside them is asked for again.
    expect(server.requests.length).toBeLessThanOrEqual(20 + 2 * ends);
  });

  test('survives kill -9 at any moment', async () => {
    const articles = made(120);
    const settings = { concurrency: 2, passagesAtOnce: 4 };
    const whole = corpusFile(articles);
    (await opened({ path: whole, server: await started(), settings })).close();
    const path = corpusFile(articles);
    const killAt = [3, 9, 16];
    let kill = () => {};
    const server = await started((_, index) => {
      if (killAt.includes(index)) kill();
      return 'vectors';
    });
    const topology = join(folder, 'killed.yaml');
    const embeddings = { baseUrl: server.url, model: 'small', ...settings };
    const search = { kind: 'search', corpus: path, ranking: 'dense', embeddings };
    const policy = { kind: 'openai', model: 'none' };
    const stages = { start: {}, rollout: {}, tools: {} };
    const task = { tools: ['search'] };
    writeFileSync(
      topology,
      JSON.stringify({ run: 'killed', policy, stages, tasks: { qa: task }, tools: { search } }),
    );
    let kills = 0;
    for (let ended: number | null = null; ended === null; ) {
      const child = spawn(process.execPath, [builtProgram(), 'index', '-t', topology], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (bytes) => {
        said += String(bytes);
      });
      kill = () => child.kill('SIGKILL');
      const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
      ended = await patiently('the end of swirl index', exit, () => said);
      if (ended === null) kills++;
      else expect({ ended, said }).toEqual({ ended: 0, said: expect.any(String) });
    }
    expect(kills).toBeGreaterThan(0);
    expect(readFileSync(vectorsFile(path))).toEqual(readFileSync(vectorsFile(whole)));
    expect(server.requests.length).toBeLessThanOrEqual(30 + 3 * kills);
  });

  test('of one corpus by two at once happens once', async () => {
    const [path, server] = [corpusFile(made(40)), await started()];
    const both = await Promise.all([opened({ path, server }), opened({ path, server })]);
    expect(server.requests).toHaveLength(1);
    for (const index of both) index.close();
  });

  test('of a changed corpus, or with other settings, happens again', async () => {
    const [path, server] = [corpusFile(made(5)), await started()];
    const requests = async (settings: object = {}) => {
      const before = server.requests.length;
      (await opened({ path, server, settings })).close();
      return server.requests.length - before;
    };
    expect(await requests()).toBe(1);
    expect(await requests({ concurrency: 9, retry: { attempts: 2 }, queryPrefix: 'q' })).toBe(0);
    expect(await requests({ passagePrefix: 'passage: ' })).toBe(1);
    expect(await requests({ model: 'other' })).toBe(1);
    writeFileSync(path, '{"title": "A", "text": "one"}\n');
    expect(await requests()).toBe(1);
    expect(await requests()).toBe(0);
  });

  test('a corpus without articles is told', async () => {
    const path = join(folder, 'none.jsonl');
    writeFileSync(path, '\n');
    await expect(opened({ path, server: await started() })).rejects.toThrow(ConfigError);
  });
});

describe('what is damaged is refused', () => {
  test('wherever a bit is another one', async () => {
    const [path, server] = [corpusFile(made(60)), await started()];
    const index = await opened({ path, server });
    const query = await index.query('w1', signal);
    const truth = await index.rank(query, 60, goOn);
    index.close();
    const at = join(vectorsFile(path), '..');
    let told = 0;
    for (const name of readdirSync(at)) {
      const before = readFileSync(join(at, name));
      for (let i = 0; i < 12; i++) {
        const bytes = Buffer.from(before);
        const place = Math.floor(((i + 0.5) / 12) * bytes.length);
        bytes[place] = (bytes[place] as number) ^ (1 << (i % 8));
        writeFileSync(join(at, name), bytes);
        const asked = server.requests.length;
        const found = await (async () => {
          const again = await opened({ path, server });
          try {
            return await again.rank(query, 60, goOn);
          } finally {
            again.close();
          }
        })().catch((error: unknown) => {
          expect(error).toBeInstanceOf(DataError);
          expect((error as Error).message).toMatch(/; remove .* or run `swirl index --again`/);
          told++;
          return truth;
        });
        // Nor is it paid for again unasked.
        expect({ name, place, found, asked: server.requests.length }).toEqual({
          name,
          place,
          found: truth,
          asked,
        });
        writeFileSync(join(at, name), before);
      }
    }
    expect(told).toBeGreaterThan(20);
  });

  test('and so are vectors that were cut', async () => {
    const [path, server] = [corpusFile(made(60)), await started()];
    (await opened({ path, server })).close();
    truncateSync(vectorsFile(path), 100);
    await expect(opened({ path, server })).rejects.toThrow(
      /vectors\.bin: expected 3840 bytes, found 100; remove/,
    );
  });
});
