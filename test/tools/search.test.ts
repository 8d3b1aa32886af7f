import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NOTHING_FOUND } from '../../src/agent/tool.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import type { Article } from '../../src/input/article.ts';
import { openSearch, type Search, searchAmong, searchConfig } from '../../src/tools/search.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-search-'));
afterAll(() => rmSync(folder, { recursive: true }));

const signal = new AbortController().signal;
const now = () => 0;
const { corpus: _, ...limits } = searchConfig.parse({ corpus: 'unused' });

function searchOver(articles: readonly Article[], settings: Partial<typeof limits> = {}): Search {
  return searchAmong('search', articles, { limits: { ...limits, ...settings }, deps: { now } });
}

const articles: Article[] = [
  { title: 'Alû', text: 'In Akkadian mythology, Alû is a vengeful spirit.' },
  { title: 'Lilu (mythology)', text: 'A lilu is a spirit; the demon Gallu is another, and Alû a third.' },
  { title: 'Dragon Dice', text: 'Dragon Dice is a collectible dice game by Lester Smith.' },
  { title: 'Demon Dice', text: 'A dice game by Lester Smith. In it, each player controls a demon.' },
];

describe('best articles', () => {
  test.each([
    ['Alu', 'Alû: In Akkadian mythology'],
    ['ALÛ?', 'Alû: In Akkadian mythology'],
    ['Which game was before "Dragon Dice"?', 'Dragon Dice is a collectible'],
    ['Who is Gallu', 'Lilu (mythology): A lilu'],
    ['demon dice', 'Demon Dice: A dice game'],
  ])('%j finds %j', async (query, beginning) => {
    const { status, tool, text } = await searchOver(articles).call(query, { signal });
    expect({ status, tool, text: text.slice(0, beginning.length) }).toEqual({
      status: 'OK',
      tool: 'search',
      text: beginning,
    });
  });

  test('several, best first; of equal ones the first', async () => {
    const same = [...'abc'].map((title) => ({ title, text: 'the same words' }));
    const { text } = await searchOver(same, { results: 2 }).call('same words', { signal });
    expect(text).toBe('a: the same words\nb: the same words');
    const twice = [...same, ...same].map(({ text }) => ({ title: 'one title', text }));
    expect(
      (await searchOver(twice, { results: 100 }).call('title', { signal })).text.split('\n'),
    ).toHaveLength(6);
  });

  test('the score is BM25+ of title and text, with the title counted twice', async () => {
    // Robertson's formula with minisearch's k = 1.2, b = 0.7, d = 0.5, worked out here on its own.
    // Its length of a field is the number of distinct words.
    const distinct = (text: string) => new Set(text.split(' ')).size;
    const counts = (text: string, term: string) => text.split(' ').filter((word) => word === term).length;
    const word = fc.constantFrom('red', 'green', 'blue', 'gray');
    const field = fc.array(word, { minLength: 1, maxLength: 6 }).map((list) => list.join(' '));
    const corpus = fc.array(fc.record({ title: field, text: field }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(corpus, fc.uniqueArray(word, { minLength: 1 }), async (docs, query) => {
        const scored = docs.map((doc, order) => {
          let score = 0;
          for (const term of query) {
            for (const [name, boost] of [
              ['title', 2],
              ['text', 1],
            ] as const) {
              const frequency = counts(doc[name], term);
              if (frequency === 0) continue;
              const having = docs.filter((other) => counts(other[name], term) > 0).length;
              const mean = docs.reduce((sum, other) => sum + distinct(other[name]), 0) / docs.length;
              const length = distinct(doc[name]);
              const idf = Math.log(1 + (docs.length - having + 0.5) / (having + 0.5));
              score +=
                boost * idf * (0.5 + (frequency * 2.2) / (frequency + 1.2 * (0.3 + (0.7 * length) / mean)));
            }
          }
          return { score, order };
        });
        const best = scored.reduce((a, b) => (b.score > a.score + 1e-9 ? b : a));
        const { text } = await searchOver(docs, { maxChars: 1000 }).call(query.join(' '), { signal });
        if (best.score === 0) expect(text).toBe(NOTHING_FOUND);
        else {
          const ties = scored.filter(({ score }) => Math.abs(score - best.score) < 1e-9);
          const shown = ties.map(({ order }) => docs[order]);
          expect(
            shown.map(({ title, text }) => (text.startsWith(title) ? text : `${title}: ${text}`)),
          ).toContain(text);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('limits', () => {
  test('nothing found says so', async () => {
    expect(await searchOver(articles).call('zebra', { signal })).toEqual({
      tool: 'search',
      status: 'OK',
      text: NOTHING_FOUND,
    });
  });

  test.each([
    ['x'.repeat(501), 'longer than 500'],
    ['?!', 'no words'],
    ['', 'no words'],
    ['\u0000\uD800', 'no words'],
  ])('refuses %j', async (query, reason) => {
    const observation = await searchOver(articles).call(query, { signal });
    expect(observation.status).toBe('REFUSED');
    expect(observation.text).toContain(reason);
  });

  test('long articles are cut, never inside a character', async () => {
    const search = (maxChars: number) => searchOver([{ title: '', text: 'word 😀😀😀' }], { maxChars });
    expect((await search(6).call('word', { signal })).text).toBe('word  [...]');
    expect((await search(7).call('word', { signal })).text).toBe('word 😀 [...]');
    expect((await search(11).call('word', { signal })).text).toBe('word 😀😀😀');
  });

  test('gives up when the time is up', async () => {
    let time = 0;
    const deps = { now: () => (time += 20) };
    const slow = searchAmong('search', articles, { limits: { ...limits, timeoutMs: 50 }, deps });
    expect((await slow.call('dice game', { signal })).status).toBe('OK');
    expect(await slow.call('dice game by Lester Smith', { signal })).toEqual({
      tool: 'search',
      status: 'TIMED_OUT',
      text: 'The search took longer than 50 ms.',
    });
  });

  test('an abort in the middle of a query ends it', async () => {
    const stop = new AbortController();
    const call = searchOver(articles).call('dice game by Lester Smith', { signal: stop.signal });
    stop.abort(new Error('stop'));
    await expect(call).rejects.toThrow('stop');
  });

  test('any query at all', async () => {
    const search = searchOver(articles);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (query) => {
        expect(['OK', 'REFUSED']).toContain((await search.call(query, { signal })).status);
      }),
      { numRuns: 300 },
    );
  });

  test('words that objects have', async () => {
    const search = searchOver([{ title: 'constructor', text: '__proto__ toString hasOwnProperty' }]);
    for (const query of ['constructor', '__proto__', 'toString', 'hasownproperty']) {
      expect((await search.call(query, { signal })).text).toBe(
        'constructor: __proto__ toString hasOwnProperty',
      );
    }
    expect((await search.call('valueOf', { signal })).text).toBe(NOTHING_FOUND);
  });
});

describe('a corpus file', () => {
  const open = (content: string | Uint8Array, settings: object = {}) => {
    const path = join(folder, 'corpus.jsonl');
    writeFileSync(path, content);
    return openSearch('search', searchConfig.parse({ corpus: path, ...settings }), { now });
  };

  test('JSON lines, with blank lines, a byte-order mark, CRLF and no end of line', async () => {
    const search = await open(
      `\uFEFF{"title": "A", "text": "ä\\ud800 one", "id": 3}\r\n\r\n\n{"title": "B", "text": "two"}`,
    );
    expect(search.size).toBe(2);
    expect((await search.call('one', { signal })).text).toBe('A: ä\uFFFD one');
    expect((await search.call('two', { signal })).text).toBe('B: two');
  });

  test('lines longer than a chunk of the file', async () => {
    const long = Array.from({ length: 50_000 }, (_, i) => `w${i}`).join(' ');
    const search = await open(`${JSON.stringify({ title: 'A', text: long })}\n{"title":"B","text":"two"}\n`);
    expect((await search.call('w49999', { signal })).text.slice(0, 8)).toBe('A: w0 w1');
    expect(search.size).toBe(2);
  });

  const good = '{"title": "A", "text": "one"}\n';
  test.each([
    [`${good}{"title": "A"`, ':2: expected an article: a JSON object'],
    [`${good}\n[]`, ':3: expected an article: a JSON object with a text and a title, found []'],
    [`{"id": 1, "content": 3}`, ':1: expected a text under `content`, found a number'],
    [Buffer.from([...Buffer.from(good), 0xff, 0xfe]), ':2: expected UTF-8'],
    [`${good}${'x'.repeat(16 * 1024 * 1024 + 1)}`, ':2: expected a line of at most'],
  ])('%.30j names file and line', async (content, message) => {
    await expect(open(content)).rejects.toThrow(DataError);
    await expect(open(content)).rejects.toThrow(join(folder, 'corpus.jsonl') + message);
  });

  test('none, empty, or too large', async () => {
    const config = searchConfig.parse({ corpus: join(folder, 'none.jsonl') });
    await expect(openSearch('search', config, { now })).rejects.toThrow('none.jsonl: there is no such file');
    await expect(open('\n')).rejects.toThrow(ConfigError);
    await expect(open('\n')).rejects.toThrow('has no articles');
    await expect(open(good.repeat(3), { maxArticles: 2 })).rejects.toThrow('maxArticles, 2');
  });
});
