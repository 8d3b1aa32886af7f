import { describe, expect, test } from '@jest/globals';
import { textInput } from '../../src/input/input.ts';
import { readAnyQuestions } from '../../src/questions/any-questions.ts';
import { collect } from './collect.ts';

const read = (text: string, task?: string) =>
  collect((options) =>
    readAnyQuestions(textInput(text, 'own.jsonl'), task === undefined ? options : { ...options, task }),
  );

describe("JSON lines of one's own", () => {
  test('every key is carried; the rest is named after file and line', async () => {
    const full = {
      id: 'a1',
      text: 'Why?',
      answer: 'So.',
      answers: ['Thus.'],
      task: 'talk',
      source: 'me',
      meta: { by: 'us' },
    };
    const { records, errors } = await read(
      [full, { question: 'How many?', answer: 3.5, task: 'math' }]
        .map((line) => JSON.stringify(line))
        .join('\n'),
    );
    expect(errors).toEqual([]);
    expect(records).toEqual([
      full,
      {
        id: 'own:2',
        text: 'How many?',
        answer: '3.5',
        answers: [],
        task: 'math',
        source: 'own.jsonl:2',
        meta: {},
      },
    ]);
  });

  test.each([
    [{ answer: ['a', 'b'] }, 'a', ['b']],
    [{ answers: ['a', 2, 'a'] }, 'a', ['2']],
    [{ answer: 'a', answers: ['b', 'a'] }, 'a', ['b']],
    [{ answer: null, answers: ['b'] }, 'b', []],
    [{ answer: [], answers: [] }, null, []],
  ])('%j: several gold answers', async (given, answer, answers) => {
    const { records, errors } = await read(JSON.stringify({ text: 'a', task: 't', ...given }));
    expect(errors).toEqual([]);
    expect(records[0]).toMatchObject({ answer, answers });
  });

  test("a line's own task goes before that of the command", async () => {
    const { records } = await read('{"text": "a"}\n{"text": "b", "task": "own"}', 'given');
    expect(records.map(({ task }) => task)).toEqual(['given', 'own']);
  });

  test.each([
    ['{"text": "b"}', 'own.jsonl:2: expected `task`'],
    ['{"text": "b", "question": "c", "task": "t"}', 'expected one of `text` and `question`'],
    ['{"task": "t"}', 'expected a question under `question`, `text` or `prompt`, found the keys "task"'],
    ['{"text": "b", "task": "t", "anwser": "x"}', 'the key `anwser` is not known; did you mean `answer`?'],
    [
      '{"text": "b", "task": "t", "id": "a/b"}',
      'own.jsonl:2: expected an id of at most 200 characters without blanks and `/`, found "a/b"',
    ],
    [
      '{"text": "b", "task": "t", "id": "own:1"}',
      'own.jsonl:2: the id "own:1" is there twice: first at own.jsonl:1',
    ],
    ['{"text": "b", "task": "t", "answer": ""}', '`answer`:'],
  ])('%s is told with its line', async (bad, message) => {
    const { records, errors } = await read(`{"text": "a", "task": "t"}\n${bad}`);
    expect(records).toHaveLength(1);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(message);
  });

  test('lone surrogates, which no record can hold, are replaced', async () => {
    const { records } = await read('{"text": "a \\ud83d b", "task": "t", "meta": {"k\\udc00": "\\ud800"}}');
    expect(records[0]?.text).toBe('a \ufffd b');
    expect(records[0]?.meta).toEqual({ 'k\ufffd': '\ufffd' });
  });

  test('other keys are carried in `meta`, values that are no text as JSON', async () => {
    const { records, errors } = await read(
      '{"text": "a", "task": "t", "level": "hard", "n": 3, "steps": [{"q": 1}], "none": null, "meta": {"deep": {"x": true}}}',
    );
    expect(errors).toEqual([]);
    expect(records[0]?.meta).toEqual({ level: 'hard', n: '3', steps: '[{"q":1}]', deep: '{"x":true}' });
  });

  test('`__proto__` is refused', async () => {
    const { errors } = await read('{"text": "a", "task": "t", "__proto__": {"polluted": true}}');
    expect(errors[0]).toContain('__proto__');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
