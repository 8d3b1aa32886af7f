import { describe, expect, test } from '@jest/globals';
import { textInput } from '../../src/input/input.ts';
import { corpusLine, distinctArticles, readHotpotqaArticles } from '../../src/questions/corpus.ts';
import { readHotpotqa, readHotpotqaEntries } from '../../src/questions/hotpotqa.ts';
import { collect } from './collect.ts';

const entry = {
  _id: '5a7b',
  question: 'In which town was the founder of Velor Mills born?',
  answer: 'Tarn',
  type: 'bridge',
  level: 'hard',
  supporting_facts: [['Velor Mills', 0]],
  context: [
    ['Velor Mills', ['Velor Mills is a mill.', ' It was founded by Ada Quill.']],
    ['Ada Quill', ['Ada Quill was born in Tarn.']],
  ],
};
const file = (...entries: unknown[]) => textInput(JSON.stringify(entries), 'train.json', 64);

describe('HotPotQA', () => {
  test('an entry becomes a question named by its own id, and its paragraphs articles', async () => {
    const { records } = await collect((options) => readHotpotqaEntries(file(entry), options));
    expect(records).toHaveLength(1);
    expect(records[0]?.question).toEqual({
      id: 'hotpotqa:5a7b',
      task: 'search',
      text: entry.question,
      answer: 'Tarn',
      answers: [],
      source: 'hotpotqa:train.json[0]',
      meta: { type: 'bridge', level: 'hard' },
    });
    expect(records[0]?.articles).toEqual([
      { title: 'Velor Mills', text: 'Velor Mills is a mill. It was founded by Ada Quill.' },
      { title: 'Ada Quill', text: 'Ada Quill was born in Tarn.' },
    ]);
  });

  test('the test split, without answers and ids, is named by position', async () => {
    const { _id, answer, ...rest } = entry;
    const { records } = await collect((options) => readHotpotqa(file(entry, rest), options));
    expect(records[1]).toEqual(expect.objectContaining({ id: 'hotpotqa:train:1', answer: null }));
  });

  test.each([
    [{ ...entry, question: 7 }, '`question`:'],
    [{ ...entry, answer: ' ' }, 'expected an answer, found an empty one'],
    [{ ...entry, _id: 'a/b' }, '`_id`: expected an id without blanks and `/`'],
    [{ ...entry, context: { title: [], sentences: [] } }, '`context`:'],
    ['text', 'expected a HotPotQA question'],
  ])('a malformed entry is told with index and byte', async (bad, message) => {
    const { records, errors } = await collect((options) => readHotpotqa(file(entry, bad, entry), options));
    expect(records).toHaveLength(2);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^train\.json\[1\] \(byte \d+\): /);
    expect(errors[0]).toContain(message);
  });

  test('a file that is cut off ends with an error even where bad entries are skipped', async () => {
    const text = JSON.stringify([entry, entry]).slice(0, -30);
    const read = collect((options) => readHotpotqa(textInput(text, 'train.json'), options));
    await expect(read).rejects.toThrow('is it cut off?');
  });

  test('the corpus has each article once, empty ones not at all', async () => {
    const again = { ...entry, _id: 'x', context: [...entry.context, ['Empty', []], ['Tarn', ['A town.']]] };
    const { records } = await collect((options) => readHotpotqaArticles(file(entry, again), options));
    expect(records.map(({ title }) => title)).toEqual(['Velor Mills', 'Ada Quill', 'Tarn']);
    expect(JSON.parse(corpusLine({ title: 'a "b"', text: 'c\nd' }))).toEqual({
      title: 'a "b"',
      text: 'c\nd',
    });
    expect(corpusLine({ title: 'a', text: 'c\nd' }).split('\n')).toHaveLength(2);
  });

  test('articles of one title with other text are both kept', async () => {
    const entries = (async function* () {
      yield {
        articles: [
          { title: 'T', text: 'one' },
          { title: 'T', text: 'two' },
        ],
      };
    })();
    const texts: string[] = [];
    for await (const { text } of distinctArticles(entries)) texts.push(text);
    expect(texts).toEqual(['one', 'two']);
  });
});
