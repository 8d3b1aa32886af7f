/** The layouts and formats that search corpora come in. */
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Article } from '../../src/input/article.ts';
import { type ArticleColumns, readCorpus, readCorpusFrom } from '../../src/tools/corpus.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-corpus-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(name: string, content: string | Uint8Array, columns: ArticleColumns | null = null) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const found: Article[] = [];
  for await (const article of readCorpus({ path, columns })) found.push(article);
  return found;
}
const refusal = (...of: Parameters<typeof read>) =>
  read(...of).then(
    () => 'read',
    (error: Error) => error.message.replace(`${folder}/`, ''),
  );

const AARE: Article = { title: 'Aare', text: 'The Aare, or "Aar", is a river.' };
const BERN: Article = { title: 'Bern', text: 'Bern lies on the Aare.' };
const LINES = [AARE, BERN].map((one) => JSON.stringify(one)).join('\n');
const parquet = (...data: { name: string; data: unknown[] }[]) =>
  new Uint8Array(parquetWriteBuffer({ columnData: data }));

describe('layouts that are known', () => {
  test.each<[string, string, string | Uint8Array]>([
    ['JSON lines', 'c.jsonl', LINES],
    ['with CR alone between them', 'c.jsonl', LINES.replace('\n', '\r')],
    ['gzip', 'c.jsonl.gz', gzipSync(LINES)],
    ['one array', 'c.json', JSON.stringify([AARE, BERN], null, 1)],
    ['an object with the array in it', 'c.json', JSON.stringify({ version: 1, data: [AARE, BERN] })],
    ['articles under their ids', 'c.json', JSON.stringify({ a: AARE, b: BERN })],
    [
      'BEIR',
      'corpus.jsonl',
      [AARE, BERN].map((one, i) => JSON.stringify({ _id: `${i}`, ...one, metadata: {} })).join('\n'),
    ],
    [
      'FlashRAG',
      'wiki.jsonl',
      [AARE, BERN]
        .map(({ title, text }, i) => JSON.stringify({ id: `${i}`, contents: `"${title}"\n${text}` }))
        .join('\n'),
    ],
    [
      'sentences in a list',
      'wiki.jsonl',
      '{"id": 1, "title": "Aare", "text": ["The Aare, or \\"Aar\\",", " is a river."]}\n{"title": "Bern", "text": ["Bern lies on the Aare."]}',
    ],
    [
      "DPR's tabs",
      'psgs.tsv',
      'id\ttext\ttitle\n1\t"The Aare, or ""Aar"", is a river."\tAare\n2\tBern lies on the Aare.\tBern\n',
    ],
    ['CSV', 'c.csv', 'Title,Text\nAare,"The Aare, or ""Aar"", is a river."\nBern,Bern lies on the Aare.\n'],
    [
      'Parquet',
      'c.parquet',
      parquet(
        { name: 'id', data: [1n, 2n] },
        { name: 'title', data: ['Aare', 'Bern'] },
        { name: 'text', data: [AARE.text, BERN.text] },
      ),
    ],
  ])('%s', async (_, name, content) => {
    expect(await read(name, content)).toEqual([AARE, BERN]);
  });

  test('an article may have no title', async () => {
    const untitled = (one: Article) => ({ ...one, title: '' });
    expect(
      await read('c.jsonl', '{"_id": "1", "title": null, "text": "one"}\n{"title": "", "text": "two"}'),
    ).toEqual([
      { title: '', text: 'one' },
      { title: '', text: 'two' },
    ]);
    expect(await read('c.csv', 'pid,passage\n1,one\n')).toEqual([{ title: '', text: 'one' }]);
    expect(await read('c.jsonl', JSON.stringify({ contents: AARE.text }))).toEqual([untitled(AARE)]);
    expect(await read('c.jsonl', `{"text": "one"}\n${JSON.stringify(BERN)}`)).toEqual([
      { title: '', text: 'one' },
      BERN,
    ]);
  });

  test('what is named is taken as it stands: blanks and first lines are part of a text', async () => {
    const kept = { title: ' A ', text: '"one"\n two ' };
    expect(await read('c.jsonl', JSON.stringify(kept))).toEqual([kept]);
    expect(await read('c.jsonl', JSON.stringify({ ...kept, contents: 'x' }))).toEqual([kept]);
  });
});

describe('columns of the topology', () => {
  test.each<[string, string, string, ArticleColumns]>([
    ['a table', 'c.csv', 'h,b,text\nAare,one,x\n', { title: 'h', text: 'b' }],
    [
      'a path',
      'c.jsonl',
      '{"page": {"h": ["Aare"]}, "b": "one", "text": "x"}',
      { title: 'page.h.0', text: 'b' },
    ],
  ])('%s', async (_, name, content, columns) => {
    expect(await read(name, content, columns)).toEqual([{ title: 'Aare', text: 'one' }]);
    expect(await read(name, content, { ...columns, title: null })).toEqual([{ title: '', text: 'one' }]);
  });

  test('one that is not there', async () => {
    expect(await refusal('c.csv', 'heading,body\nAare,one\n', { title: 'head_ing', text: 'body' })).toBe(
      'c.csv:2: expected `columns.title` of the search tool at `head_ing`, found the keys "heading", "body"; did you mean `heading`?',
    );
  });
});

describe('what is no article is refused, with its place and what was found', () => {
  test.each<[string, string, string]>([
    [
      'c.jsonl',
      `${LINES}\n{"title": "A"}`,
      'c.jsonl:3: expected a text under `text`, found none: the keys "title"',
    ],
    [
      'c.jsonl',
      `${LINES}\n{"text": "A"}`,
      'c.jsonl:3: expected a text under `title`, found none: the keys "text"',
    ],
    ['c.jsonl', '{"title": 3, "text": "A"}', 'c.jsonl:1: expected a text under `title`, found a number'],
    [
      'c.jsonl',
      '{"title": "A", "text": [1]}',
      'c.jsonl:1: expected a text under `text`, found an array of other things',
    ],
    [
      'c.jsonl',
      '{"tilte": "A", "text": "x"}',
      'c.jsonl:1: the key `tilte` is not known; did you mean `title`?',
    ],
    [
      'c.jsonl',
      '{"_id": "1", "question": "x"}',
      'c.jsonl:1: expected an article, with its text under `text`, `contents` or the like, found the keys "_id", "question"; the search tool\'s `columns` says which means what',
    ],
    [
      'c.tsv',
      '0\tOne.\n1\tTwo.\n',
      'c.tsv:2: expected an article, with its text under `text`, `contents` or the like, found the keys "0", "One." on its first line; the search tool\'s `columns` says which means what',
    ],
    ['c.csv', 'title,text\nA,one\nB\n', 'c.csv:3: expected 2 fields, as the first line has, found 1'],
    [
      'c.json',
      '[{"title": "A", "text": "x"}, 5]',
      'c.json[1] (byte 30): expected an article: a JSON object with a text and a title, found 5',
    ],
  ])('%s: %s', async (name, content, message) => {
    expect(await refusal(name, content)).toBe(message);
  });

  test('a row of Parquet', async () => {
    const content = parquet({ name: 'title', data: ['A', 'B'] }, { name: 'text', data: ['x', null] });
    expect(await refusal('c.parquet', content)).toBe(
      'c.parquet, row 2: expected a text under `text`, found null',
    );
  });
});

test('how much of a file is read, and what is skipped', async () => {
  const text = Array.from({ length: 4 }, (_, i) => `t${i},x\n`).join('');
  const content = Buffer.from(`title,text\n${text}`);
  await read('c.csv', content);
  const found: { title: string | undefined; at: number }[] = [];
  const file = { path: join(folder, 'c.csv') };
  for await (const { article, share } of readCorpusFrom(file, { bytes: content.length, skip: 2 })) {
    found.push({ title: article?.title, at: Math.round((share ?? 0) * content.length) });
  }
  expect(found).toEqual([
    { title: undefined, at: 11 },
    { title: undefined, at: 16 },
    { title: 't2', at: 21 },
    { title: 't3', at: 26 },
  ]);
});
