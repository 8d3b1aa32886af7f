/** Two records of one name must not get into a run, and none twice. */
import { describe, expect, test } from '@jest/globals';
import { DataError } from '../../src/errors.ts';
import { textInput } from '../../src/input/input.ts';
import { readAnyQuestions } from '../../src/questions/any-questions.ts';
import { freshRecords } from '../../src/questions/fresh-records.ts';
import { readGsm8k } from '../../src/questions/gsm8k.ts';
import { readHotpotqa } from '../../src/questions/hotpotqa.ts';
import { untilAborted } from '../../src/questions/until-aborted.ts';
import { KnownRecords } from '../../src/topics/known-records.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import type { Question } from '../../src/topics/records.generated.ts';
import { question } from '../records.ts';

type Read = typeof readAnyQuestions;

/** Feeds files into what is known, and says what passed and what did not. */
async function feed(
  known: KnownRecords,
  read: Read,
  { name, lines }: { name: string; lines: readonly object[] },
) {
  const generated = new WeakSet<object>();
  const text = read === readHotpotqa ? JSON.stringify(lines) : lines.map((l) => JSON.stringify(l)).join('\n');
  const records = read(textInput(text, name), { task: 'math', onGenerated: (r) => void generated.add(r) });
  let same = 0;
  const refused: DataError[] = [];
  const fresh = freshRecords<Question>(records, {
    known,
    isGenerated: (record) => generated.has(record),
    onSame: () => {
      same++;
    },
    skip: (error) => refused.push(error),
  });
  return { fed: await arrayOf(fresh), same, refused };
}

const asked = (text: string) => ({ text });
const gsm8k = (text: string) => ({ question: text, answer: `It is so.\n#### ${text.length}` });
const hotpotqa = (text: string) => ({ question: text, answer: 'yes', context: [] });

describe.each<[string, Read, (text: string) => object, string]>([
  ['JSON lines', readAnyQuestions, asked, 'q:1'],
  ['GSM8K', readGsm8k, gsm8k, 'gsm8k:q:1'],
  ['HotPotQA without ids', readHotpotqa, hotpotqa, 'hotpotqa:q:0'],
])('%s', (_, read, make, first) => {
  test('two files of one name keep their questions apart, and neither is fed twice', async () => {
    const known = new KnownRecords();
    const a = { name: 'q.jsonl', lines: ['one', 'two', 'three'].map(make) };
    const b = { name: 'q.jsonl', lines: ['eins', 'two', 'drei'].map(make) };
    const feeds = [];
    for (const file of [a, b, a, b]) feeds.push(await feed(known, read, file));
    expect(feeds.map(({ fed, same }) => [fed.length, same])).toEqual([
      [3, 0],
      [2, 1],
      [0, 3],
      [0, 3],
    ]);
    expect(feeds[0]?.fed[0]?.id).toBe(first);
    expect(feeds[1]?.fed[0]?.id).toMatch(new RegExp(`^${first}-[0-9a-f]{8}$`));
    const ids = feeds.flatMap(({ fed }) => fed.map(({ id }) => id));
    expect(new Set(ids).size).toBe(5);
    expect(known.size).toBe(5);
  });
});

test('an id that was given stays, and another question of that id is refused with its place', async () => {
  const known = new KnownRecords();
  const a = { name: 'a.jsonl', lines: [{ id: 'x', text: 'one' }] };
  const b = {
    name: 'b.jsonl',
    lines: [
      { id: 'x', text: 'two' },
      { id: 'y', text: 'one' },
    ],
  };
  expect((await feed(known, readAnyQuestions, a)).fed.map(({ id }) => id)).toEqual(['x']);
  const { fed, refused } = await feed(known, readAnyQuestions, b);
  expect(fed.map(({ id }) => id)).toEqual(['y']);
  expect(refused.map(({ message }) => message)).toEqual([
    'b.jsonl:1: the run, or the file, has another record with the id "x": give this one an id of its own, or feed it into another run',
  ]);
});

test('what earlier versions wrote of a question is the same question', async () => {
  const known = new KnownRecords();
  const { contentOf } = await import('../../src/topics/known-records.ts');
  // Before there were several answers, and before a record said who read it.
  const { answers: _, by: __, ...before } = question({ id: 'q:1', source: 'elsewhere.jsonl:9' });
  known.add('q:1', contentOf(before));
  expect(known.find('q:1', contentOf(question({ id: 'q:1' })))).toBe('same');
  expect(known.find('q:1', contentOf(question({ id: 'q:1', text: 'other' })))).toBe('other');
  expect(known.find('q:2', contentOf(question()))).toBe('new');
});

test('many records: each is found, and none that is not there', () => {
  const known = new KnownRecords();
  for (let n = 0; n < 20_000; n++) known.add(`q:${n}`, `text ${n}`);
  expect(known.size).toBe(20_000);
  for (let n = 0; n < 20_000; n += 7) {
    expect(known.find(`q:${n}`, `text ${n}`)).toBe('same');
    expect(known.find(`q:${n}`, 'another')).toBe('other');
    expect(known.find(`q:${n}x`, `text ${n}`)).toBe('new');
  }
});

test('a stream that is waited for ends with the signal', async () => {
  const end = new AbortController();
  async function* slow() {
    yield 1;
    yield 2;
    await new Promise(() => {});
  }
  const seen: number[] = [];
  for await (const item of untilAborted(slow(), end.signal)) {
    seen.push(item);
    if (item === 2) setImmediate(() => end.abort());
  }
  expect(seen).toEqual([1, 2]);
});

test('without `skip` the first one that is refused is thrown', async () => {
  const known = new KnownRecords();
  known.add('x', 'something else');
  async function* one() {
    yield question({ id: 'x' });
  }
  const fresh = freshRecords(one(), { known, isGenerated: () => false, onSame: () => {} });
  await expect(arrayOf(fresh)).rejects.toThrow(DataError);
});
