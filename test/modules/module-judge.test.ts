import { afterAll, expect, test } from '@jest/globals';
import { ModelError } from '../../src/errors.ts';
import { moduleJudge } from '../../src/modules/module-judge.ts';
import type { SubTrajectory } from '../../src/topics/records.generated.ts';
import { context, expectRefusal } from './open.ts';
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
  `,
});
afterAll(() => project.remove());

const { signal } = new AbortController();
const judged = async (name: string) => {
  const settings = moduleJudge.settings.parse({ path: `${project.folder}/judges.js`, export: name });
  const judge = await moduleJudge.make({ ...settings, kind: 'module' }, { ...context, name: 'judge' });
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
