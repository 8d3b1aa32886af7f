import { describe, expect, test } from '@jest/globals';
import { DataError } from '../../src/errors.ts';
import { textInput } from '../../src/input/input.ts';
import { readGsm8k } from '../../src/questions/gsm8k.ts';
import { collect } from './collect.ts';

const line = (question: string, answer: string): string => JSON.stringify({ question, answer });

describe('GSM8K', () => {
  test('a problem becomes a question named after file and line, with the text after #### as gold answer', async () => {
    const text = `${line('Two boxes of 24 pens: how many?', 'There are 2*24 = <<2*24=48>>48 pens.\n#### 48')}\n\n${line('A car of $1,080?', '#### 1,080')}`;
    const { records, errors } = await collect((options) =>
      readGsm8k(textInput(text, 'train.jsonl'), options),
    );
    expect(errors).toEqual([]);
    expect(records).toEqual([
      {
        id: 'gsm8k:train:1',
        task: 'math',
        text: 'Two boxes of 24 pens: how many?',
        answer: '48',
        answers: [],
        source: 'gsm8k:train.jsonl:1',
        meta: {},
      },
      expect.objectContaining({ id: 'gsm8k:train:3', answer: '1,080' }),
    ]);
  });

  test('a question that no record could hold is told by its size', async () => {
    const text = [line('x'.repeat(1024 * 1024), '#### 1'), line('two', '#### 2')].join('\n');
    const { records, errors } = await collect((options) => readGsm8k(textInput(text, 'a.jsonl'), options));
    expect(records.map(({ id }) => id)).toEqual(['gsm8k:a:2']);
    expect(errors[0]).toContain('a.jsonl:1: expected a line of at most 1048576 bytes, found one of 10486');
  });

  test('the task can be named', async () => {
    const { records } = await collect((options) =>
      readGsm8k(textInput(line('q', '#### 1'), 'a'), { ...options, task: 'sums' }),
    );
    expect(records[0]?.task).toBe('sums');
  });

  test.each([
    [
      '{"question": "q", "answer": "no mark"}',
      'a.jsonl:2: expected an answer that ends in a line `#### ...`, found "no mark"',
    ],
    ['{"question": "q", "answer": "#### "}', 'expected an answer that ends in a line `#### ...`'],
    ['{"question": "q", "answer": "#### 3\\nmore"}', 'expected an answer that ends in a line'],
    ['{"question": "q"}', 'a.jsonl:2: expected a GSM8K problem: `question` and `answer`; `answer`:'],
    ['{"question": "  ", "answer": "#### 3"}', '`question`:'],
    [
      '{"question": "q", "ans',
      'a.jsonl:2: expected a GSM8K problem: `question` and `answer`, found text that is not JSON',
    ],
    ['[1, 2]', 'a.jsonl:2: expected a GSM8K problem'],
    ['null', 'a.jsonl:2: expected a GSM8K problem'],
  ])('a malformed line, %s, is left out and told, or ends the reading', async (bad, message) => {
    const text = [line('one', '#### 1'), bad, line('three', '#### 3')].join('\n');
    const { records, errors } = await collect((options) => readGsm8k(textInput(text, 'a.jsonl'), options));
    expect(records.map(({ id }) => id)).toEqual(['gsm8k:a:1', 'gsm8k:a:3']);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(message);

    const seen: string[] = [];
    const strict = async (): Promise<void> => {
      for await (const { id } of readGsm8k(textInput(text, 'a.jsonl'))) seen.push(id);
    };
    await expect(strict()).rejects.toThrow(DataError);
    expect(seen).toEqual(['gsm8k:a:1']);
  });

  test('ids never hold `/`, whatever the file is called', async () => {
    const { records } = await collect((options) =>
      readGsm8k(textInput(line('q', '#### 1'), 'my data/é?.jsonl'), options),
    );
    expect(records[0]?.id).toBe('gsm8k:my-data-:1');
  });
});
