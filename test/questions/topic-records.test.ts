import { expect, test } from '@jest/globals';
import { writtenAction } from '../../src/agent/written-action.ts';
import { DataError } from '../../src/errors.ts';
import { textInput } from '../../src/input/input.ts';
import { readTopicRecords } from '../../src/questions/topic-records.ts';
import { arrayOf } from '../../src/topics/read-records.ts';

const action = { text: '4', kind: 'ANSWER', policy: 'mine' } as const;
const scored = {
  id: 'q1/0/0',
  subTrajectory: {
    id: 'q1/0/0',
    trajectory: 'q1/0',
    index: 0,
    count: 1,
    question: { id: 'q1', task: 'sums', text: '2 + 2?' },
    context: [],
    action,
  },
  reward: { value: 1, model: 'mine' },
};
const read = (...lines: unknown[]) => {
  const text = lines.map((line) => JSON.stringify(line)).join('\n');
  return arrayOf(readTopicRecords('scored', textInput(text, 'mine.jsonl')));
};

test("what a line leaves out has the schema's default, within records too", async () => {
  const whole = {
    ...scored,
    subTrajectory: {
      ...scored.subTrajectory,
      question: {
        ...scored.subTrajectory.question,
        answer: null,
        source: null,
        meta: {},
        answers: [],
        by: null,
      },
      action: writtenAction({ ...action, tool: null, content: null }),
    },
    verdict: null,
    reward: { ...scored.reward, rationale: '', votes: [], by: null },
  };
  expect(await read(scored)).toEqual([whole]);
  expect(await read(whole, { topic: 'scored', record: whole })).toEqual([whole, whole]);
});

test('what has no default must be there, and nothing else may', async () => {
  await expect(read(scored, { ...scored, reward: { value: 1 } })).rejects.toThrow(
    /mine.jsonl:2: expected a record of scored.*reward.model/,
  );
  await expect(read({ ...scored, weight: 2 })).rejects.toThrow(DataError);
  await expect(read('scored')).rejects.toThrow(DataError);
});
