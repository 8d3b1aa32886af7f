import { afterAll, expect, test } from '@jest/globals';
import { ModelError } from '../../src/errors.ts';
import { moduleJudge } from '../../src/modules/module-judge.ts';
import type { SubTrajectory } from '../../src/topics/records.generated.ts';
import { expectRefusal, made } from './open.ts';
import { makeProject } from './project.ts';

const project = makeProject({
  'judges.js': `
    export const good = () => 'GOOD';
    export const no = async () => false;
    export const unsure = ({ id }) => ({ label: 'UNKNOWN', rationale: 'who knows ' + id });
    export const yes = () => ({ label: true });
    export const maybe = () => 'MAYBE';
    export const lower = () => ({ label: 'good' });
    export const nothing = async () => {};
    export const mute = () => ({ label: 'BAD', rationale: 7 });
    export const trap = () => ({ get label() { throw new Error('do not look'); } });
    export const thrower = () => { throw { toString() { throw 1; }, get retryable() { throw 2; } }; };
    export const faulty = () => { throw Object.defineProperty(new Error(), 'message', { get() { throw 3; } }); };
    export const exit = () => process.exit(0);
    export const editor = (step) => { step.action.text = 'other'; step.context.length = 0; return true; };
  `,
});
afterAll(() => project.remove());

const { signal } = new AbortController();
const judged = async (name: string) => {
  const judge = await made(moduleJudge, 'judge', { path: `${project.folder}/judges.js`, export: name });
  return judge.judge({ id: 'q1/0/1' } as SubTrajectory, { signal });
};

test.each([
  ['good', 'GOOD', ''],
  ['no', 'BAD', ''],
  ['unsure', 'UNKNOWN', 'who knows q1/0/1'],
  ['yes', 'GOOD', ''],
])('%s is a verdict', async (name, label, rationale) => {
  const verdict = await judged(name);
  expect(verdict).toMatchObject({ label, rationale, judge: 'judges.js', votes: [] });
  expect(verdict.by).toMatchObject({ module: 'judges.js', export: name, settings: '{}' });
});

test.each([
  ['maybe', 'found "MAYBE"'],
  ['lower', 'found an object'],
  ['nothing', 'found undefined'],
  ['mute', 'found an object'],
])('%s is none: never BAD', async (name, message) => {
  const gave = `judge (judges.js, export \`${name}\`) gave q1/0/1 no verdict`;
  await expectRefusal(judged(name), ModelError, gave, message);
});

test.each([
  ['trap', 'gave something for q1/0/1 that cannot be read: Error: do not look'],
  ['thrower', 'failed for q1/0/1: it threw something that cannot be read'],
  ['faulty', 'failed for q1/0/1: it threw something that cannot be read'],
  ['exit', 'failed for q1/0/1: Error: it called process.exit(0)'],
])('%s is a fault of the module, and ends nothing', async (name, message) => {
  const judging = judged(name);
  await expect(judging).rejects.toThrow(ModelError);
  await expect(judging).rejects.toThrow(message);
});

test('what a module changes in its record is changed in a copy', async () => {
  const step = { id: 'q1/0/1', action: { text: 'as sampled' }, context: [{}] } as unknown as SubTrajectory;
  const judge = await made(moduleJudge, 'judge', { path: `${project.folder}/judges.js`, export: 'editor' });
  expect(await judge.judge(step, { signal })).toMatchObject({ label: 'GOOD' });
  expect(step).toEqual({ id: 'q1/0/1', action: { text: 'as sampled' }, context: [{}] });
});
