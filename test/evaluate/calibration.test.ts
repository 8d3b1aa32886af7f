import { describe, expect, test } from '@jest/globals';
import type { Judge } from '../../src/agent/model.ts';
import { ModelError } from '../../src/errors.ts';
import { agreement, calibrate } from '../../src/evaluate/calibration.ts';
import { type LabelledStep, readLabelledSteps } from '../../src/evaluate/labelled-steps.ts';
import { judgeSteps } from '../../src/evaluate/run-judges.ts';
import { textInput } from '../../src/input/input.ts';
import type { SubTrajectory, VerdictLabel } from '../../src/topics/records.generated.ts';
import { answer, call, question } from '../records.ts';

const pairsOf = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).flatMap(([pair, count]) =>
    Array.from({ length: count }, () => pair.split(' ') as [string, string]),
  );

describe("Cohen's kappa", () => {
  test('as in the textbook example: 20 and 15 alike, 5 and 10 not', () => {
    const { same, kappa } = agreement(
      pairsOf({ 'GOOD GOOD': 20, 'GOOD BAD': 5, 'BAD GOOD': 10, 'BAD BAD': 15 }),
    );
    expect(same.mean).toBe(0.7);
    expect(kappa?.value).toBeCloseTo(0.4, 12);
    // Standard error sqrt(0.7 * 0.3 / (50 * 0.25)).
    expect(kappa?.low).toBeCloseTo(0.4 - 1.959964 * Math.sqrt(0.0168), 6);
  });

  test('is 1 for judges who always agree, about 0 by chance, and none where all is one', () => {
    expect(agreement(pairsOf({ 'GOOD GOOD': 3, 'BAD BAD': 2 })).kappa?.value).toBe(1);
    const chance = { 'GOOD GOOD': 16, 'GOOD BAD': 4, 'BAD GOOD': 64, 'BAD BAD': 16 };
    expect(agreement(pairsOf(chance)).kappa?.value).toBeCloseTo(0, 12);
    expect(agreement(pairsOf({ 'GOOD GOOD': 9 })).kappa).toBeNull();
    expect(agreement([]).kappa).toBeNull();
  });
});

const stepOf = (index: number, action: SubTrajectory['action']): SubTrajectory => ({
  ...{ id: `q1/0/${index}`, trajectory: 'q1/0', index, count: 9 },
  question: question({ text: 'How many?', answer: '5' }),
  context: [],
  action,
});
const steps: LabelledStep[] = [
  { step: stepOf(0, call('2+3')), label: 'GOOD', kind: 'calculator' },
  { step: stepOf(1, call('2+')), label: 'BAD', kind: 'calculator' },
  { step: stepOf(2, call('9*9')), label: 'BAD', kind: 'calculator' },
  { step: stepOf(3, answer('5')), label: 'GOOD', kind: 'answer' },
];

const judgeOf = (name: string, verdicts: readonly (VerdictLabel | Error)[]): Judge => ({
  name,
  judge: async ({ index }) => {
    const label = verdicts[index];
    if (label === undefined || label instanceof Error) throw label;
    return { label, rationale: '', judge: name, votes: [] };
  },
});

test('false positives and negatives, per kind; a failure is UNKNOWN, never BAD', async () => {
  const failures: string[] = [];
  const judged = await judgeSteps(steps, {
    judge: judgeOf('one', ['BAD', 'BAD', 'GOOD', new ModelError('no reply', { retryable: false })]),
    second: judgeOf('two', ['GOOD', 'BAD', 'GOOD', 'GOOD']),
    retry: { attempts: 2, backoffMs: 1, maxBackoffMs: 1 },
    concurrency: 3,
    signal: new AbortController().signal,
    onFailure: (reason) => failures.push(reason),
    onProgress: () => {},
  });
  expect(failures).toEqual(['one: no reply']);
  const { all, kinds } = calibrate(judged);
  expect([...kinds.keys()]).toEqual(['answer', 'calculator']);
  expect(all.falsePositives).toMatchObject({ mean: 0.5, count: 2 });
  expect(all.falseNegatives).toMatchObject({ mean: 1, count: 1 });
  expect(all.unknown).toMatchObject({ mean: 0.25, count: 4 });
  expect(all.judges?.same).toMatchObject({ mean: 0.5, count: 4 });
  expect(kinds.get('answer')?.unknown.mean).toBe(1);
});

test('labelled steps are records of sub-trajectories or judged, as tap prints them', async () => {
  const verdict = { label: 'GOOD', rationale: 'r', judge: 'rules' };
  const judged = { id: 'q1/0/0', subTrajectory: stepOf(0, call('2+3')), verdict };
  const text = [
    { record: judged, label: 'BAD', kind: 'sums' },
    { ...stepOf(1, call('2+3')), label: 'good' },
    { record: stepOf(2, answer('5')), label: 'GOOD' },
    { record: judged },
    { label: 'GOOD' },
  ]
    .map((line) => JSON.stringify(line))
    .join('\n');
  const errors: string[] = [];
  const found: LabelledStep[] = [];
  const skip = (error: Error) => void errors.push(error.message);
  for await (const step of readLabelledSteps(textInput(text, 'l.jsonl'), { skip })) found.push(step);
  expect(found.map(({ kind, label }) => [kind, label])).toEqual([
    ['sums', 'BAD'],
    ['calculator', 'GOOD'],
    ['answer', 'GOOD'],
  ]);
  expect(errors).toEqual([
    expect.stringContaining('l.jsonl:4: expected `label`, GOOD or BAD, beside the step'),
    expect.stringContaining('l.jsonl:5: expected a record of sub-trajectories'),
  ]);
});
