import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { goldAnswers } from '../../src/agent/gold-answers.ts';
import { onlyOption } from '../../src/cli/only-option.ts';
import type { Article } from '../../src/input/article.ts';
import { fileInput, textInput } from '../../src/input/input.ts';
import { readAnyQuestions } from '../../src/questions/any-questions.ts';
import { chosen } from '../../src/questions/chosen.ts';
import { columnsReader } from '../../src/questions/columns.ts';
import { collect } from './collect.ts';

/** Made by test/fixtures/make-layouts.py; `../shared/data/layouts` has others, where it is present. */
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/layouts/${name}`, import.meta.url));
const shared = (name: string) =>
  fileURLToPath(new URL(`../../../shared/data/layouts/${name}`, import.meta.url));

const tasks = ['math', 'search'];

async function read(path: string) {
  const articles: Article[] = [];
  const onArticles = async (found: readonly Article[]) => void articles.push(...found);
  const all = await collect((options) =>
    readAnyQuestions(fileInput(path), { ...options, tasks, onArticles, task: 'own' }),
  );
  const { records } = await collect((options) => readAnyQuestions(fileInput(path), { ...options, tasks }));
  return { ...all, articles, tasks: records.map(({ task }) => task) };
}

const RIVER = 'Which river runs past the mill of Aldern?';
const [one, two] = [
  ['The Wend', 'Wend'],
  ['no', 'No, it is not'],
] as const;

describe('data sets with paragraphs', () => {
  test.each([
    ['hotpot_train.json', ['hotpotqa:q-one', 'hotpotqa:q-two'], [one.slice(0, 1), two.slice(0, 1)]],
    ['hub-hotpot.jsonl', ['q-one', 'q-two'], [one.slice(0, 1), two.slice(0, 1)]],
    ['hub-hotpot.parquet', ['q-one', 'q-two'], [one.slice(0, 1), two.slice(0, 1)]],
    ['hub-hotpot-zstd.parquet', ['q-one', 'q-two'], [one.slice(0, 1), two.slice(0, 1)]],
    ['2wiki.json', ['q-one', 'q-two'], [one.slice(0, 1), two.slice(0, 1)]],
    ['musique.jsonl', ['q-one', 'q-two'], [one, two]],
    ['beerqa.json', ['q-one', 'q-two'], [one, two]],
  ])('%s: ids, gold answers and articles', async (name, ids, golds) => {
    const { records, errors, articles, tasks: own } = await read(fixture(name));
    expect(errors).toEqual([]);
    expect(records.map(({ id }) => id)).toEqual(ids);
    expect(records.map((question) => goldAnswers(question))).toEqual(golds);
    expect(records[0]?.text).toBe(RIVER);
    expect(own).toEqual(['search', 'search']);
    expect(articles).toEqual([
      { title: 'Aldern', text: 'Aldern is a village. Its mill stands on the Wend.' },
      { title: 'Wend', text: 'The Wend is a river.' },
      { title: 'Aldern', text: 'Aldern is a village. Its mill stands on the Wend.' },
      { title: 'Orla', text: 'Orla bakes. Since 1990.' },
    ]);
  });

  test('what else a record says is in its meta', async () => {
    const musique = (await read(fixture('musique.jsonl'))).records[0]?.meta ?? {};
    expect(JSON.parse(musique.question_decomposition as string)).toMatchObject([{ answer: 'Wend' }]);
    expect(musique).toMatchObject({ answerable: 'true', supporting: '["Aldern"]' });
    const hub = (await read(fixture('hub-hotpot.parquet'))).records[0]?.meta ?? {};
    expect(hub).toMatchObject({ type: 'bridge', level: 'hard' });
    expect(JSON.parse(hub.supporting_facts as string)).toEqual({ title: ['Aldern'], sent_id: [1] });
  });

  test('FlashRAG’s golden answers', async () => {
    const { records, tasks: own } = await read(fixture('flashrag.jsonl'));
    expect(records.map((question) => [question.id, goldAnswers(question)])).toEqual([
      ['q-one', one],
      ['q-two', two],
    ]);
    expect(own).toEqual(['search', 'search']);
  });
});

describe('problems', () => {
  test.each([
    ['problems.jsonl.gz', 'gsm8k:problems', ['math', 'math', 'math']],
    ['problems.jsonl.zst', 'gsm8k:problems', ['math', 'math', 'math']],
    ['problems.parquet', 'gsm8k:problems', ['math', 'math', 'math']],
    ['verl.jsonl', 'verl', ['math', 'math', 'math']],
    ['trl.jsonl', 'trl', null],
    ['problems.csv', 'problems', null],
    ['problems.tsv', 'problems', null],
  ])('%s', async (name, prefix, expected) => {
    const all = await collect((options) =>
      readAnyQuestions(fileInput(fixture(name)), { ...options, task: 'math' }),
    );
    expect(all.errors).toEqual([]);
    expect(all.records.map(({ id }) => id)).toEqual([`${prefix}:1`, `${prefix}:2`, `${prefix}:3`]);
    expect(all.records.map((question) => goldAnswers(question))).toEqual([['12'], ['125'], ['4.5']]);
    expect(all.records[1]?.text).toBe('Ann shares 1,000 beads among 8 "friends".\nHow many does each get?');
    if (expected !== null) expect((await read(fixture(name))).tasks).toEqual(expected);
  });

  test('a table of one’s own: the topology says which column is what', async () => {
    const settings = columnsReader.settings.parse({ text: 'data.q', answers: 'gold', id: 'key' });
    const reader = await columnsReader.make({ kind: 'columns', ...settings }, { tasks: ['sums'] });
    if (reader.topic !== 'questions') throw new Error('expected a reader of questions');
    const { records } = await collect((options) => reader.read(fileInput(fixture('own.jsonl')), options));
    expect(records.map(({ id, task }) => [id, task])).toEqual([
      ['k0', 'sums'],
      ['k1', 'sums'],
      ['k2', 'sums'],
    ]);
    expect(goldAnswers(records[0] as never)).toEqual(['12', 'about 12']);
  });
});

describe('what cannot be read', () => {
  test.each(['hotpot_train.json', 'musique.jsonl', 'flashrag.jsonl', 'trl.jsonl', 'verl.jsonl'])(
    '%s: a malformed record is named by file and line, and the others are read',
    async (name) => {
      const whole = readFileSync(fixture(name), 'utf8');
      const broken = name.endsWith('.json')
        ? whole.replace(/^\[/, '[{"question": 3}, ')
        : `${whole}{"question": \n`;
      const { records, errors } = await collect((options) =>
        readAnyQuestions(textInput(broken, name), { ...options, task: 't', skip: options.skip as never }),
      ).catch((error: Error) => ({ records: [], errors: [error.message] }));
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatch(name.endsWith('.json') ? `${name}[0]` : new RegExp(`${name}:[34]:`));
      if (!name.endsWith('.json')) expect(records.length).toBeGreaterThan(1);
    },
  );

  test('a row of a table with too few fields, by its line', async () => {
    const table = 'question,answer\r\n"two\nlines",1\r\nshort\r\nlast,2\r\n';
    const { records, errors } = await collect((options) =>
      readAnyQuestions(textInput(table, 'q.csv'), { ...options, task: 't' }),
    );
    expect(records.map(({ text }) => text)).toEqual(['two\nlines', 'last']);
    expect(errors).toEqual(['q.csv:4: expected 2 fields, as the first line has, found 1']);
  });

  test('a file of something else is refused in one sentence', async () => {
    const rows = Array.from({ length: 9 }, (_, at) => JSON.stringify({ height: at, weight: 3 })).join('\n');
    const refused = collect((options) =>
      readAnyQuestions(textInput(rows, 'x.jsonl'), { ...options, task: 't' }),
    );
    await expect(refused).rejects.toThrow(
      'x.jsonl:1: expected a question under `question`, `text` or `prompt`, found the keys "height", "weight"; a reader of the kind `columns` says which means what',
    );
  });

  test.each([
    ['problems.jsonl.gz', 'expected gzip data, found damaged'],
    ['problems.jsonl.zst', 'expected Zstandard data, found damaged'],
    ['problems.parquet', 'expected a Parquet file, found one that cannot be read'],
  ])('%s, cut off', async (name, message) => {
    const bytes = readFileSync(fixture(name));
    const cut = textInput(bytes.subarray(0, bytes.length - 20), name);
    await expect(collect((options) => readAnyQuestions(cut, { ...options, task: 't' }))).rejects.toThrow(
      message,
    );
  });
});

describe('a part of the questions', () => {
  const make = (count: number) =>
    Array.from({ length: count }, (_, at) =>
      JSON.stringify({ id: `i${at}`, text: `Q${at}`, task: 't', level: at % 3 === 0 ? 'hard' : 'easy' }),
    ).join('\n');
  const ids = async (count: number, choice: Parameters<typeof chosen>[1]) => {
    const found: string[] = [];
    const all = readAnyQuestions(textInput(make(count), 'q.jsonl'));
    for await (const { id } of chosen(all, choice)) found.push(id);
    return found;
  };

  test('a sample is the same for the same seed, in order, and part of a larger one', async () => {
    const small = await ids(300, { sample: 20, seed: 1 });
    expect(small).toHaveLength(20);
    expect(small).toEqual([...small].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))));
    expect(await ids(300, { sample: 20, seed: 1 })).toEqual(small);
    expect(await ids(300, { sample: 20, seed: 2 })).not.toEqual(small);
    const large = new Set(await ids(300, { sample: 60, seed: 1 }));
    expect(small.every((id) => large.has(id))).toBe(true);
  });

  test('those of a level', async () => {
    expect(await ids(7, { only: new Map([['level', ['hard']]]), seed: 1 })).toEqual(['i0', 'i3', 'i6']);
    const either = onlyOption('level=hard', onlyOption('level=gone', undefined));
    expect(await ids(7, { only: either, seed: 1 })).toEqual(['i0', 'i3', 'i6']);
  });
});

(existsSync(shared('README.md')) ? test : test.skip)(
  'the layouts beside the checkout (needs ../shared)',
  async () => {
    const golds = { 'musique_ans_v1.0_dev.jsonl': 4, 'beerqa_dev_v1.0.json': 4, 'nq-flashrag.jsonl': 3 };
    const counts: Record<string, number> = {
      ...{ 'musique_ans_v1.0_dev.jsonl': 2, '2wiki_dev.json': 2, 'beerqa_dev_v1.0.json': 2 },
      ...{ 'hf_hotpot.jsonl': 2, 'hf_hotpot.parquet': 2, 'gsm8k-main-test.parquet': 3 },
      ...{ 'nq-flashrag.jsonl': 2, 'trl.jsonl': 3, 'verl.jsonl': 3, 'q.csv': 3, 'gsm.jsonl.gz': 3 },
    };
    for (const [name, count] of Object.entries(counts)) {
      const all = await collect((options) =>
        readAnyQuestions(fileInput(shared(name)), { ...options, task: 't' }),
      );
      expect([name, all.errors, all.records.length]).toEqual([name, [], count]);
      const several = (golds as Record<string, number>)[name] ?? count;
      expect(all.records.flatMap((question) => goldAnswers(question))).toHaveLength(several);
    }
  },
);
