import { afterAll, describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.ts';
import { moduleAdvantage } from '../../src/modules/module-advantage.ts';
import type { AdvantageStep } from '../../src/parts/calls.ts';
import { expectRefusal, made } from './open.ts';
import { makeProject } from './project.ts';

const project = makeProject({
  'advantages.js': `
    export const byQuestion = (batch) => batch.map(({ reward, subTrajectory: { question } }) => {
      const group = batch.filter((other) => other.subTrajectory.question.id === question.id);
      return reward - group.reduce((sum, other) => sum + other.reward, 0) / group.length;
    });
    let calls = 0;
    export const counting = (batch) => batch.map(() => calls++);
    export const editor = (batch) => batch.map((step) => (step.subTrajectory.id = 'other', step.reward *= 2));
    export const trap = () => Object.defineProperty([1, 2, 3], 1, { get() { throw new Error('do not look'); } });
    export const few = () => [1];
    export const none = async () => {};
    export const holes = (batch) => batch.map((_, i) => (i === 1 ? NaN : i));
    export const throws = () => { throw new Error('no such group'); };
    export const never = () => new Promise(() => {});
  `,
});
afterAll(() => project.remove());

const batch = [
  ['q1', 1],
  ['q1', 0],
  ['q2', 5],
].map(
  ([id, reward], i) => ({ reward, subTrajectory: { id: `${id}/0/${i}`, question: { id } } }) as AdvantageStep,
);

const advantages = async (name: string) => {
  const settings = { path: `${project.folder}/advantages.js`, export: name, timeoutMs: 50 };
  const advantage = await made(moduleAdvantage, 'stages.train.advantage', settings);
  expect(advantage.by).toMatchObject({ module: 'advantages.js', export: name });
  return advantage.of(batch, 7);
};

describe('an advantage of one’s own', () => {
  test('is a function of the batch, with each step and its context', async () => {
    expect(await advantages('byQuestion')).toEqual([0.5, -0.5, 0]);
  });

  test('is given a copy of the batch: what it changes is not trained on', async () => {
    const before = structuredClone(batch);
    expect(await advantages('editor')).toEqual([2, 0, 10]);
    expect(batch).toEqual(before);
  });

  test.each([
    ['trap', 'gave something for update 7, of 3 steps from q1/0/0 that cannot be read: Error: do not look'],
    ['few', 'expected 3 numbers, found 1'],
    ['none', 'expected 3 numbers, found undefined'],
    [
      'holes',
      'gave no advantage for q1/0/1 in update 7, of 3 steps from q1/0/0: expected a finite number, found NaN',
    ],
    ['throws', 'failed for update 7, of 3 steps from q1/0/0: Error: no such group'],
    ['never', 'did not answer for update 7, of 3 steps from q1/0/0 in 50 ms'],
    ['counting', 'gave other advantages for the same batch'],
  ])('%s stops the run, as there is nothing that could be trained on', async (name, message) => {
    const where = `stages.train.advantage (advantages.js, export \`${name}\`)`;
    await expectRefusal(advantages(name), ConfigError, message, where);
  });
});
