/** Data of one's own as people have it: what its keys mean, where a mapping is wrong, and what is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { goldAnswers } from '../../src/agent/gold-answers.ts';
import type { Article } from '../../src/input/article.ts';
import { fileInput, type Input, textInput } from '../../src/input/input.ts';
import { readAnyQuestions } from '../../src/questions/any-questions.ts';
import { chosen } from '../../src/questions/chosen.ts';
import { columnsReader } from '../../src/questions/columns.ts';
import { freshRecords } from '../../src/questions/fresh-records.ts';
import { KnownRecords } from '../../src/topics/known-records.ts';
import type { Question } from '../../src/topics/records.generated.ts';
import { collect } from './collect.ts';

const input = (...rows: unknown[]) =>
  textInput(rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'), 'x.jsonl');
const read = (from: Input) => collect((options) => readAnyQuestions(from, { ...options, task: 't' }));

async function golds(row: unknown): Promise<readonly string[]> {
  const { records, errors } = await read(input(row));
  expect(errors).toEqual([]);
  return goldAnswers(records[0] as Question);
}

describe('gold answers', () => {
  test.each([
    [{ problem: 'q', solution: 'So $\\boxed{1}$, or rather $\\boxed{\\frac{1}{2}}$.' }, ['\\frac{1}{2}']],
    [{ question: 'q', answer: 'It is \\boxed{unclosed' }, ['It is \\boxed{unclosed']],
    [{ question: 'q', answers: '["x", "it\\"s"]' }, ['x', 'it"s']],
    [{ question: 'q', answers: "['x', \"y's\"]" }, ['x', "y's"]],
    [{ question: 'q', answers: "['x' 'y'\n 'z']" }, ['x', 'y', 'z']],
    [{ question: 'q', answer: '[1, 2]' }, ['[1, 2]']],
    [{ question: 'q', answer: "['x', y]" }, ["['x', y]"]],
    [{ question: 'q', possible_answers: '["a"]' }, ['a']],
    [{ question: 'q', answers: { text: [], answer_start: [] } }, []],
    ['{"question": "q", "answer": 12345678901234567890}', ['12345678901234567890']],
  ])('%j', async (row, expected) => {
    expect(await golds(row)).toEqual(expected);
  });

  test('one in no form that is known is refused by its key, and not carried along', async () => {
    const { records, errors } = await read(
      input(
        { question: 'q', answer: { spans: ['x'] } },
        { question: 'q', reward_model: { ground_truth: [{ a: 1 }] } },
      ),
    );
    expect(records).toEqual([]);
    expect(errors).toEqual([
      'x.jsonl:1: `answer`: expected a text, a number, true, false, or a list of them, found {"spans":["x"]}',
      'x.jsonl:2: `reward_model.ground_truth`: expected a text, a number, true, false, or a list of them, found [{"a":1}]',
    ]);
  });
});

describe('records', () => {
  test('an empty question is that record’s alone, also in the first', async () => {
    const { records, errors } = await read(input({ question: null }, { question: ' ' }, { question: 'b?' }));
    expect(records.map(({ text }) => text)).toEqual(['b?']);
    expect(errors).toEqual([
      'x.jsonl:1: `question`: expected a question, found none',
      'x.jsonl:2: `question`: expected a question, found none',
    ]);
  });

  test('a prompt that somebody has answered is refused, by who speaks in it', async () => {
    const prompt = ['user', 'assistant', 'user'].map((role) => ({ role, content: 'x' }));
    await expect(read(input({ prompt }))).rejects.toThrow(
      'x.jsonl:1: `prompt`: expected a question, found messages of user, assistant, user: those of the user alone',
    );
  });

  test('of two letter cases of one name the exact one counts, and the other goes to meta', async () => {
    const { records } = await read(
      input({ Question: 'a?', question: 'b?' }, { QUESTION: 'c?', Question: 'd?' }),
    );
    expect(records.map(({ text, meta }) => [text, meta])).toEqual([
      ['b?', { Question: 'a?' }],
      ['c?', { Question: 'd?' }],
    ]);
  });

  test('ids of more digits than a double has are not taken for one another', async () => {
    const { records } = await read(
      input('{"id": 9007199254740992, "text": "a"}', '{"id": 9007199254740993, "text": "12345678901234567"}'),
    );
    expect(records.map(({ id, text }) => [id, text])).toEqual([
      ['9007199254740992', 'a'],
      ['9007199254740993', '12345678901234567'],
    ]);
  });

  test.each(['x', 'answer', 'context', 'question'])('what is nested without end, under `%s`', async (key) => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const { errors } = await read(input('{"question": "a?"}', `{"question": "b?", "${key}": ${deep}}`));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^x\.jsonl:2: expected /);
  });

  test('numbers of Parquet: 64 bits in full, 32 bits by the digits that they need', async () => {
    const path = fileURLToPath(new URL('../fixtures/layouts/numbers.parquet', import.meta.url));
    const { records } = await read(fileInput(path));
    expect(records.map((question) => [question.id, goldAnswers(question), question.meta])).toEqual([
      ['9007199254740993', ['0.1'], { big: '18446744073709551615', when: '2020-01-02T00:00:00.000Z' }],
      ['2', ['2.5'], {}],
    ]);
  });

  test('Parquet that is compressed as a whole', async () => {
    const path = fileURLToPath(new URL('../fixtures/layouts/numbers.parquet', import.meta.url));
    const folder = mkdtempSync(join(tmpdir(), 'swirl-own-data-'));
    try {
      const packed = join(folder, 'numbers.parquet.gz');
      writeFileSync(packed, gzipSync(readFileSync(path)));
      expect((await read(fileInput(packed))).records).toHaveLength(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('paragraphs as JSON in a column, and a text with its title beside it', async () => {
    const articles: Article[] = [];
    const rows = input(
      { question: 'a?', context: '[["A", ["One.", " Two."]]]' },
      { question: 'b?', context: '[not JSON', title: 'B' },
    );
    const onArticles = async (found: readonly Article[]) => void articles.push(...found);
    await collect((options) => readAnyQuestions(rows, { ...options, task: 't', onArticles }));
    expect(articles).toEqual([
      { title: 'A', text: 'One. Two.' },
      { title: 'B', text: '[not JSON' },
    ]);
  });
});

describe('columns of one’s own', () => {
  const mapped = async (given: Parameters<typeof columnsReader.settings.parse>[0], ...rows: unknown[]) => {
    const reader = await columnsReader.make(
      { kind: 'columns', ...columnsReader.settings.parse(given) },
      { tasks: ['t'] },
    );
    if (reader.topic !== 'questions') throw new Error('expected a reader of questions');
    return collect((options) => reader.read(input(...rows), options));
  };

  test.each([
    [
      { text: 'qestion' },
      'the reader’s `text` at `qestion`, found the keys "question", "gold"; did you mean `question`?',
    ],
    [{ text: 'question', answers: ['gld', 'more'] }, 'the reader’s `answers` at `gld`, `more`, found'],
    [{ text: 'question', id: 'key' }, 'the reader’s `id` at `key`, found'],
    [{ text: 'question', task: 'kind' }, 'the reader’s `task` at `kind`, found'],
    [{ text: 'question', paragraphs: 'pages' }, 'the reader’s `paragraphs` at `pages`, found'],
    [{ text: 'gold' }, '`gold`: expected a question, found 7'],
  ])('%j is refused in one sentence', async (settings, message) => {
    const refused = mapped(settings, { question: 'a?', gold: 7 }, { question: 'b?', gold: 8 });
    await expect(refused).rejects.toThrow(message.replace('’', "'"));
  });

  test('a path into lists, and what stands beside a path goes to meta', async () => {
    const row = { q: { text: 'a?', by: 'me' }, options: ['x', 'y'], best: { gold: 1 } };
    const { records } = await mapped({ text: 'q.text', answers: ['options.1', 'best.gold'] }, row);
    expect(records[0]).toMatchObject({
      ...{ text: 'a?', answer: 'y', answers: ['1'] },
      meta: { q: '{"by":"me"}', options: '["x","y"]' },
    });
  });

  test('a gold answer that is not understood is named as the file has it', async () => {
    const { errors } = await mapped({ text: 'q', answers: 'gold' }, { q: 'a?', gold: { x: 1 } });
    expect(errors).toEqual([
      'x.jsonl:1: `gold`: expected a text, a number, true, false, or a list of them, found {"x":1}',
    ]);
  });

  test('an empty cell is refused as an empty answer is', async () => {
    const { errors } = await mapped({ text: 'q', answers: 'gold' }, { q: 'a?', gold: '' });
    expect(errors).toEqual([
      'x.jsonl:1: `gold`: expected an answer, found an empty one (null, or no such key, is none)',
    ]);
  });
});

describe('a part of them', () => {
  const some = async (only: Record<string, string[]>) => {
    const why: string[] = [];
    const found: string[] = [];
    const rows = input(
      { id: 'a', text: 'a?', level: 'easy', info: { split: 'train', n: 1 } },
      { id: 'b', text: 'b?', level: 'hard', info: { split: 'test', n: 2 } },
    );
    const choice = {
      only: new Map(Object.entries(only)),
      seed: 1,
      onNone: (text: string) => void why.push(text),
    };
    for await (const { id } of chosen(readAnyQuestions(rows, { task: 't' }), choice)) found.push(id);
    return { found, why };
  };

  test('by a path into what is JSON', async () => {
    expect(await some({ 'info.split': ['test'] })).toEqual({ found: ['b'], why: [] });
    expect((await some({ 'info.n': ['1', '2'] })).found).toEqual(['a', 'b']);
  });

  test.each([
    [{ levl: ['hard'] }, 'no question has `levl`: `meta` has level, info'],
    [{ level: ['Hard'] }, "no question's `level` is Hard: it is easy, hard"],
    [{ level: ['hard'], 'info.n': ['1'] }, 'no question has all that --only asks for'],
  ])('%j: why there is none', async (only, message) => {
    expect(await some(only)).toEqual({ found: [], why: [message] });
  });
});

test('a question that is there under another id passes, and is told where its reader named it', async () => {
  const question = (id: string, text: string) => ({
    id,
    text,
    answer: null,
    answers: [],
    meta: {},
    source: null,
  });
  const told: boolean[] = [];
  async function* questions() {
    yield question('x:1', 'a?');
    yield question('y:1', 'a?');
    yield question('y:2', 'b?');
    yield question('own', 'a?');
  }
  const passed: string[] = [];
  const fresh = freshRecords(questions(), {
    known: new KnownRecords(),
    isGenerated: ({ id }: { id?: string }) => id !== 'own',
    onSame: () => {},
    onNew: (_, { isElsewhere }) => void told.push(isElsewhere),
  });
  for await (const { id } of fresh) passed.push(id);
  expect(passed).toEqual(['x:1', 'y:1', 'y:2', 'own']);
  expect(told).toEqual([false, true, false, false]);
});
