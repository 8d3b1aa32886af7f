import { afterAll, expect, test } from '@jest/globals';
import { ModelError } from '../../src/errors.ts';
import { moduleMatcher } from '../../src/modules/module-matcher.ts';
import { question } from '../records.ts';
import { expectRefusal, made } from './open.ts';
import { makeProject } from './project.ts';

const project = makeProject({
  'matchers.js': `
    export const last = (answer, golds, question) => golds.at(-1) === answer && question.id === 'q1';
    export const number = () => 1;
    export const nothing = async () => {};
    export const never = () => new Promise(() => {});
  `,
});
afterAll(() => project.remove());

const { signal } = new AbortController();
const matched = async (name: string) => {
  const settings = { path: `${project.folder}/matchers.js`, export: name, timeoutMs: 50 };
  const matcher = await made(moduleMatcher, 'matcher', settings);
  expect(matcher.by).toMatchObject({ module: 'matchers.js', export: name });
  return matcher.matches({ answer: 'five', golds: ['5', 'five'], question: question() }, { signal });
};

test('a matcher is asked with all gold answers and their question', async () => {
  expect(await matched('last')).toBe(true);
});

test.each([
  ['number', 'matcher (matchers.js, export `number`) gave the answer to q1 neither true nor false: found 1'],
  ['nothing', 'found undefined'],
  ['never', 'did not answer for the answer to q1 in 50 ms'],
])('%s matches nothing', async (name, message) => {
  await expectRefusal(matched(name), ModelError, message);
});
