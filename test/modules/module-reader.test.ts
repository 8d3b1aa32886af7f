import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { DataError } from '../../src/errors.ts';
import { textInput } from '../../src/input/input.ts';
import { moduleReader } from '../../src/modules/module-reader.ts';
import type { Question } from '../../src/topics/records.generated.ts';
import { expectRefusal, made } from './open.ts';
import { makeProject } from './project.ts';

const stop = join(tmpdir(), `swirl-stop-${process.pid}`);
const project = makeProject({
  'readers.ts': `
    import { existsSync } from 'node:fs';
    interface File { readonly name: string; lines(): AsyncIterable<string>; bytes(): AsyncIterable<Uint8Array> }
    export default async function* (file: File) {
      for await (const line of file.lines()) {
        const [text, ...answer] = line.split('\\t');
        yield { text, answer };
      }
    }
    export async function* bytes(file: File) {
      let size = 0;
      for await (const chunk of file.bytes()) size += chunk.length;
      yield { id: 'size', task: 'sizes', text: file.name, answer: size, meta: { unit: 'bytes' } };
    }
    export const list = () => [{ text: 'a', id: 1 }, { text: 'b', id: 1 }];
    export function* slips() { yield { text: 'a' }; yield { txt: 'b' }; yield null; yield { text: 'd' }; }
    export function* breaks() { yield { text: 'a' }; throw new Error('torn page'); }
    export const never = async function* () { yield { text: 'a' }; await new Promise(() => {}); };
    export const number = () => 7;
    export const broken = () => ({ [Symbol.iterator]: () => ({ next: () => undefined }) });
    export const trap = () => [{ get text() { throw new Error('do not look'); } }];
    export const closed = { times: 0 };
    export function* endless() { try { for (let i = 0; ; i++) yield { text: String(i) }; } finally { closed.times++; } }
    export function* nonsense() { while (!existsSync(${JSON.stringify(stop)})) yield null; }
    export const told = () => [{ text: String(closed.times) }];
  `,
});
afterAll(() => project.remove());

interface Read {
  readonly questions: readonly Question[];
  readonly skipped: readonly string[];
}

async function read(
  name: string,
  text = '',
  { most = Number.POSITIVE_INFINITY, strict = false } = {},
): Promise<Read> {
  const settings = { path: `${project.folder}/readers.ts`, export: name, timeoutMs: 50 };
  const reader = await made(moduleReader, '--reader', settings);
  const [questions, skipped]: [Question[], string[]] = [[], []];
  const skip = strict ? {} : { skip: (error: DataError) => void skipped.push(error.message) };
  for await (const question of reader.read(textInput(text, 'data.tsv'), { task: 'any', ...skip })) {
    questions.push(question as Question);
    if (questions.length >= most) break;
  }
  return { questions, skipped };
}

describe('a reader of one’s own', () => {
  test('makes questions of lines, each of which says whose it is', async () => {
    const { questions } = await read('default', 'one?\t1\nmany?\t2\tII\n\nnone?\n');
    expect(questions).toMatchObject([
      { id: 'data:1', task: 'any', text: 'one?', answer: '1', answers: [], source: 'data.tsv:1' },
      { id: 'data:2', text: 'many?', answer: '2', answers: ['II'] },
      { id: 'data:3', text: 'none?', answer: null },
    ]);
    expect(questions[0]?.by).toMatchObject({ module: 'readers.ts', export: 'default' });
  });

  test('makes questions of bytes', async () => {
    const { questions } = await read('bytes', 'twelve bytes');
    expect(questions).toMatchObject([
      { id: 'size', task: 'sizes', text: 'data.tsv', answer: '12', meta: { unit: 'bytes' } },
    ]);
  });

  test('leaves out what is no question, and says so', async () => {
    const { questions, skipped } = await read('slips');
    expect(questions.map(({ text }) => text)).toEqual(['a', 'd']);
    expect(skipped).toEqual([
      expect.stringMatching(
        /^--reader \(readers\.ts, export `slips`\), question 2 of data\.tsv: expected a question: .*txt/,
      ),
      expect.stringMatching(/question 3 of data\.tsv: expected a question/),
    ]);
    expect((await read('trap')).skipped).toEqual([
      expect.stringContaining(
        'gave something for question 1 of data.tsv that cannot be read: Error: do not look',
      ),
    ]);
    expect((await read('list')).skipped).toEqual([expect.stringContaining('the id "1" is there twice')]);
    await expect(read('slips', '', { strict: true })).rejects.toThrow(DataError);
  });

  test.each([
    ['breaks', 'failed for question 2 of data.tsv: Error: torn page'],
    ['never', 'did not answer for question 2 of data.tsv in 50 ms'],
    ['broken', 'failed for question 1 of data.tsv: TypeError'],
    ['number', 'gave no questions for data.tsv: expected an iterable, found 7'],
  ])('%s ends the reading', async (name, message) => {
    await expectRefusal(read(name), DataError, message);
  });

  test('is let go when nobody reads on', async () => {
    expect((await read('endless', '', { most: 3 })).questions).toHaveLength(3);
    expect((await read('told')).questions[0]?.text).toBe('1');
  });

  test('that gives nonsense without end leaves others their turn: signals, above all', async () => {
    setImmediate(() => writeFileSync(stop, ''));
    try {
      const { questions, skipped } = await read('nonsense');
      expect([questions, skipped.length > 0]).toEqual([[], true]);
    } finally {
      rmSync(stop, { force: true });
    }
  });

  test('is not given lines that are no text', async () => {
    const reader = await made(moduleReader, 'part', { path: `${project.folder}/readers.ts` });
    const skipped: string[] = [];
    const input = textInput(new Uint8Array([0x61, 0x0a, 0xff, 0x0a, 0x62]), 'data.tsv');
    const texts: string[] = [];
    const skip = (error: DataError) => void skipped.push(error.message);
    for await (const question of reader.read(input, { task: 'any', skip }))
      texts.push((question as Question).text);
    expect(texts).toEqual(['a', 'b']);
    expect(skipped).toEqual([expect.stringContaining('data.tsv:2: expected UTF-8')]);
  });
});
