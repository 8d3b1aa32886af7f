import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigError, DataError } from '../../../src/errors.ts';
import type { Article } from '../../../src/input/article.ts';
import { makeFolder } from '../../../src/make-folder.ts';
import { type OpenIndexOptions, openIndex } from '../../../src/tools/search/open-index.ts';
import { openSearch, searchConfig } from '../../../src/tools/search.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-index-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function corpusFile(articles: readonly Article[]): string {
  const path = join(folder, `corpus-${files++}.jsonl`);
  writeFileSync(path, articles.map((article) => `${JSON.stringify(article)}\n`).join(''));
  return path;
}

const options = (path: string, more: Partial<OpenIndexOptions> = {}): OpenIndexOptions => ({
  ...{ path, titleWeight: 1, cacheBytes: 1 << 16, signal: new AbortController().signal },
  ...{ onProgress: () => {}, onWait: () => {} },
  ...more,
});
const goOn = async () => true;

/** Numbers that look random, of a seed. */
function* drawn(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Articles of words `w0`, `w1`, …, of which the first are in most of them and the last in few. */
function madeArticles(number: number, seed: number, words = 2_000): Article[] {
  const numbers = drawn(seed);
  const word = () => `w${Math.floor(words ** numbers.next().value) - 1}`;
  const some = (most: number) =>
    Array.from({ length: 1 + Math.floor(numbers.next().value * most) }, word).join(' ');
  return Array.from({ length: number }, () => ({ title: some(3), text: some(40) }));
}

/** BM25 by the book, of each article, with the words of titles so often. */
function byTheBook(
  articles: readonly Article[],
  titleWeight: number,
): (query: readonly string[]) => readonly number[] {
  const docs = articles.map(({ title, text }) => {
    const words = [...Array.from({ length: titleWeight }, () => title.split(' ')).flat(), ...text.split(' ')];
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    return { counts, length: words.length };
  });
  const mean = docs.reduce((sum, { length }) => sum + length, 0) / docs.length;
  return (query) => {
    const idfs = query.map((term) => {
      const having = docs.filter(({ counts }) => counts.has(term)).length;
      return [term, Math.log(1 + (docs.length - having + 0.5) / (having + 0.5))] as const;
    });
    return docs.map(({ counts, length }) =>
      idfs.reduce((sum, [term, idf]) => {
        const tf = counts.get(term) ?? 0;
        return sum + (idf * tf) / (tf + 1.5 * (0.25 + (0.75 * length) / mean));
      }, 0),
    );
  };
}

function bytesOf(path: string): Record<string, string> {
  const [only, ...others] = readdirSync(`${path}.index`);
  expect(others).toEqual([]);
  const at = join(`${path}.index`, only);
  return Object.fromEntries(
    readdirSync(at).map((name) => [name, readFileSync(join(at, name)).toString('base64')]),
  );
}

describe('the best articles', () => {
  test.each([0, 1, 3])('are those of BM25 by the book, where titles count %i times', async (titleWeight) => {
    // More than a window, and words of one block, of several and of several pieces of the file.
    const articles = madeArticles(4_500, 7);
    const index = await openIndex(options(corpusFile(articles), { titleWeight }));
    const scoresOf = byTheBook(articles, titleWeight);
    const numbers = drawn(11);
    for (let i = 0; i < 9; i++) {
      const length = 1 + Math.floor(numbers.next().value * 8);
      const query = Array.from({ length }, () => `w${Math.floor(2_100 ** numbers.next().value) - 1}`);
      const words = index.wordsOf(query.join(' '));
      const count = [1, 5, 100][i % 3];
      const scores = scoresOf([...new Set(query)]);
      const found = (await index.rank(words, count, goOn)) ?? [];
      const best = scores
        .filter((score) => score > 0)
        .sort((a, b) => b - a)
        .slice(0, count);
      expect(found).toHaveLength(best.length);
      found.forEach((number, place) => {
        expect(scores[number]).toBeCloseTo(best[place], 5);
        expect(index.article(number)).toEqual(articles[number]);
      });
    }
    await index.close();
  });

  test('of equal ones the first, wherever they are', async () => {
    const articles = madeArticles(5_000, 3, 20).map(({ title, text }, i) =>
      i % 613 === 5 ? { title: 'needle', text: 'w1 w2' } : { title, text },
    );
    const index = await openIndex(options(corpusFile(articles)));
    const same = articles.flatMap(({ title }, i) => (title === 'needle' ? [i] : []));
    expect(await index.rank(['w1', 'needle', 'w2', 'w3'], 4, goOn)).toEqual(same.slice(0, 4));
    await index.close();
  });

  test('with any words, repeated ones, and those that nobody has', async () => {
    const articles = madeArticles(300, 5, 40);
    const index = await openIndex(options(corpusFile(articles)));
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), async (query) => {
        const found = await index.rank(index.wordsOf(query), 3, goOn);
        expect(found?.length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 40 },
    );
    expect(await index.rank(index.wordsOf('zebra'), 3, goOn)).toEqual([]);
    await index.close();
  });
});

describe('an index', () => {
  test('is the same bytes whatever ended its building, wherever', async () => {
    const articles = madeArticles(2_500, 21, 500);
    const whole = corpusFile(articles);
    await (await openIndex(options(whole))).close();
    const killed = corpusFile(articles);
    utimesSync(killed, 1, 1);
    utimesSync(whole, 1, 1);
    await (await openIndex(options(whole))).close();
    let ends = 0;
    for (let calls = 1; ; calls += 2) {
      const stop = new AbortController();
      let left = calls;
      const end = () => {
        left--;
        if (left === 0) stop.abort(new Error('ended'));
      };
      try {
        const settings = { segmentPostings: 3_000, signal: stop.signal, onProgress: end };
        await (await openIndex(options(killed, settings))).close();
        break;
      } catch (error) {
        expect((error as Error).message).toBe('ended');
        ends++;
        // What a killed process had written after what it had noted.
        const building = join(`${killed}.index`, 'building-title-1', 'index');
        for (const name of ['articles.bin', 'places.bin', 'lengths.bin', 'segment-99.bin'])
          appendFileSync(join(building, name), 'torn');
      }
    }
    expect(ends).toBeGreaterThan(2);
    expect(bytesOf(killed)).toEqual({ ...bytesOf(whole), 'segment-99.bin': expect.any(String) });
  });

  test('of an owner that is gone is taken over; of one that lives it is waited for', async () => {
    const path = corpusFile(madeArticles(50, 1));
    const building = join(`${path}.index`, 'building-title-1');
    makeFolder(building);
    writeFileSync(
      join(building, 'lock-7'),
      JSON.stringify({ host: hostname(), pid: 1 << 22, process: 'gone' }),
    );
    const waits: string[] = [];
    const built: string[] = [];
    const opened = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        openIndex(
          options(path, { onWait: (owner) => waits.push(owner), onProgress: () => built.push(name) }),
        ),
      ),
    );
    expect(new Set(built).size).toBe(1);
    expect(waits).toHaveLength(2);
    expect(waits[0]).toContain(`process ${process.pid}`);
    for (const index of opened) {
      expect(index.size).toBe(50);
      await index.close();
    }
    bytesOf(path);
  });

  test('is built once, again where the corpus is another, and not where only its time is', async () => {
    const path = corpusFile([{ title: 'A', text: 'one' }]);
    let built = false;
    const open = async (settings: object = {}) => {
      built = false;
      const onProgress = () => {
        built = true;
      };
      const index = await openIndex(options(path, { ...settings, onProgress }));
      const found = await index.rank(['two'], 1, goOn);
      await index.close();
      return { built, found };
    };
    expect(await open()).toEqual({ built: true, found: [] });
    expect(await open()).toEqual({ built: false, found: [] });
    utimesSync(path, 5, 5);
    expect(await open()).toEqual({ built: false, found: [] });
    writeFileSync(path, '{"title": "A", "text": "two"}\n');
    expect(await open()).toEqual({ built: true, found: [0] });
    expect(await open({ titleWeight: 2 })).toEqual({ built: true, found: [0] });
    // One of each setting; that of the corpus before is gone.
    expect(readdirSync(`${path}.index`)).toHaveLength(2);
    expect(await open()).toEqual({ built: false, found: [0] });
  });

  test('that was cut is named', async () => {
    const path = corpusFile(madeArticles(50, 1));
    await (await openIndex(options(path))).close();
    const [name] = readdirSync(`${path}.index`);
    truncateSync(join(`${path}.index`, name, 'postings.bin'), 3);
    const opening = openIndex(options(path));
    await expect(opening).rejects.toThrow(DataError);
    await expect(opening).rejects.toThrow(/postings\.bin: expected \d+ bytes, found 3; remove/);
  });
});

test('whatever byte of it is another: the same articles, or an error that says what to do', async () => {
  const articles = madeArticles(400, 3);
  const path = corpusFile(articles);
  const queries = articles.slice(0, 20).map(({ title }) => [...new Set(title.split(' '))]);
  const found = async () => {
    const index = await openIndex(options(path));
    try {
      const all: (Article | number)[][] = [];
      for (const query of queries) {
        const numbers = (await index.rank(query, 3, goOn)) ?? [];
        all.push(
          numbers,
          numbers.map((number) => index.article(number)),
        );
      }
      return all;
    } finally {
      await index.close();
    }
  };
  const truth = await found();
  const [name] = readdirSync(`${path}.index`);
  const numbers = drawn(7);
  let told = 0;
  for (const file of readdirSync(join(`${path}.index`, name))) {
    const place = join(`${path}.index`, name, file);
    const before = readFileSync(place);
    for (let i = 0; i < 8; i++) {
      const bytes = Buffer.from(before);
      const at = Math.floor(numbers.next().value * bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(numbers.next().value * 8));
      writeFileSync(place, bytes);
      const after = await found().catch((error: unknown) => {
        expect(error).toBeInstanceOf(DataError);
        expect((error as Error).message).toMatch(/; remove .*, and the index is built again$/);
        told++;
        return truth;
      });
      expect({ file, at, after }).toEqual({ file, at, after: truth });
      writeFileSync(place, before);
    }
  }
  expect(told).toBeGreaterThan(20);
});

describe('the tool', () => {
  const { signal } = new AbortController();
  const open = (path: string, settings: object = {}, now = () => 0) =>
    openSearch('search', searchConfig.parse({ corpus: path, index: 'disk', ...settings }), { now });

  test('finds what is written in other ways', async () => {
    const path = join(folder, 'ways.jsonl.gz');
    const articles = [
      { title: 'R.E.M.', text: 'R.E.M. was an American band from Athens.' },
      { title: 'Łódź', text: 'Łódź is a city with 1,234 chimneys.' },
      { title: '東京', text: '東京は日本の首都です。' },
      { title: '', text: 'กรุงเทพเป็นเมืองหลวง' },
    ];
    writeFileSync(path, gzipSync(articles.map((article) => JSON.stringify(article)).join('\n')));
    const search = await open(path);
    for (const [query, start] of [
      ['REM', 'R.E.M. was'],
      ['who is rem?', 'R.E.M. was'],
      ['lodz', 'Łódź is'],
      ['1234', 'Łódź is'],
      ['首都', '東京は'],
      ['เมือง', 'กรุงเทพ'],
    ]) {
      expect((await search.call(query, { signal })).text.slice(0, start.length)).toBe(start);
    }
    await search.close();
  });

  test('looks for English stop words where there are no others, or where it is told to', async () => {
    const path = corpusFile([
      { title: 'Faust', text: 'which is a play by Goethe' },
      { title: 'The Who', text: 'The Who is a band' },
      { title: 'Which', text: 'which of which is it, and which of the which' },
    ]);
    for (const [query, english, none] of [
      ['Which of it is the play?', 'Faust', 'Which'],
      ['Who is The Who?', 'The Who', 'The Who'],
      ['of the', 'Which', 'Which'],
    ] as const) {
      for (const [stopWords, title] of [
        ['english', english],
        ['none', none],
      ]) {
        const search = await open(path, { stopWords });
        const { text } = await search.call(query, { signal });
        expect({ query, stopWords, text }).toMatchObject({
          text: expect.stringMatching(new RegExp(`^${title}`)),
        });
        await search.close();
      }
    }
  });

  test('gives up when the time is up, and tells how far its index is', async () => {
    const path = corpusFile(madeArticles(5_000, 9, 50));
    let time = 0;
    const notes: string[] = [];
    const config = searchConfig.parse({ corpus: path, index: 'disk', timeoutMs: 1 });
    const search = await openSearch('search', config, {
      now: () => (time += 6_000),
      notify: (note) => notes.push(note),
    });
    expect(await search.call('w1', { signal })).toEqual({
      tool: 'search',
      status: 'TIMED_OUT',
      text: 'The search took longer than 1 ms.',
    });
    expect(notes[0]).toBe(`building the index of ${path}, once`);
    expect(notes.at(-1)).toMatch(/articles (read|put together) \(\d+%\)$|the words of 5000 articles/);
    await search.close();
  });

  test.each([
    ['\n', ConfigError, 'has no articles'],
    [
      '{"title": "A", "text": "one"}\n{"title": 3}',
      DataError,
      ':2: expected a text under `text`, found none',
    ],
  ])('%j is told by file and line', async (content, kind, message) => {
    const path = join(folder, `wrong-${files++}.jsonl`);
    writeFileSync(path, content);
    await expect(open(path)).rejects.toThrow(kind);
    await expect(open(path)).rejects.toThrow(message);
  });

  test('of other columns is another one, and each is found again', async () => {
    const path = join(folder, `columns-${files++}.tsv`);
    writeFileSync(path, 'id\ttext\ttitle\n1\t"one ""two"""\tthree\n');
    const shown = async (columns: object | null) => {
      const notes: string[] = [];
      const config = searchConfig.parse({ corpus: path, index: 'disk', columns });
      const search = await openSearch('search', config, { now: () => 0, notify: (note) => notes.push(note) });
      const found = await search.call('one three', { signal });
      await search.close();
      return [found.text, notes.length > 0];
    };
    expect(await shown(null)).toEqual(['three: one "two"', true]);
    expect(await shown({ text: 'title' })).toEqual(['three', true]);
    expect(await shown({ text: 'title', title: 'text' })).toEqual(['one "two": three', true]);
    expect(await shown({ text: 'title' })).toEqual(['three', false]);
    expect(await shown(null)).toEqual(['three: one "two"', false]);
  });
});
