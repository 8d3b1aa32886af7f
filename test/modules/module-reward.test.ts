import { afterAll, describe, expect, test } from '@jest/globals';
import { ConfigError, ModelError } from '../../src/errors.ts';
import { moduleReward } from '../../src/modules/module-reward.ts';
import type { SubTrajectory } from '../../src/topics/records.generated.ts';
import { expectRefusal, made } from './open.ts';
import { makeProject } from './project.ts';

const project = makeProject({
  'length.js': 'export default ({ subTrajectory }) => subTrajectory.action.text.length;',
  'typed.ts': `
    interface Step { readonly verdict: { readonly label: string } }
    export const byVerdict = async ({ verdict }: Step): Promise<{ value: number; rationale: string }> =>
      ({ value: verdict.label === 'GOOD' ? 2 : -2, rationale: 'by the verdict' });
  `,
  'made.js': `
    const check = (value) => typeof value.scale === 'number'
      ? { value: { scale: value.scale } }
      : { issues: [{ message: 'expected a number', path: ['scale'] }] };
    export default {
      part: 'reward',
      settings: { '~standard': { version: 1, vendor: 'by hand', validate: check } },
      make: ({ scale }, { name, seed }) => ({ call: () => ({ value: scale * seed, rationale: name }), close() {} }),
    };
  `,
  'faults.js': `
    export const throws = () => { throw new Error('no such luck'); };
    export const slips = () => undefined.length;
    export const never = () => new Promise(() => {});
    export const nan = () => NaN;
    export const nothing = () => {};
    export const text = async () => 'high';
    export const infinite = () => ({ value: Infinity });
    export const list = () => [1];
    export const wordy = () => ({ value: 1, rationale: 'x'.repeat(10_000) });
  `,
});
afterAll(() => project.remove());

const subTrajectory = { id: 'q1/0/0', action: { text: 'four' } } as SubTrajectory;
const verdict = { label: 'GOOD' as const, rationale: '', judge: 'rules', votes: [] };
const { signal } = new AbortController();

async function scored(settings: Record<string, unknown>) {
  const path = `${project.folder}/${settings.path}`;
  const model = await made(moduleReward, 'reward', { ...settings, path });
  return model.score({ subTrajectory, verdict }, { signal });
}

describe('a reward of one’s own', () => {
  test('is a function in JavaScript', async () => {
    expect(await scored({ path: 'length.js' })).toMatchObject({
      value: 4,
      rationale: '',
      model: 'length.js',
      votes: [],
    });
  });

  test('is a function in TypeScript, under a name of its own', async () => {
    expect(await scored({ path: 'typed.ts', export: 'byVerdict' })).toMatchObject({
      value: 2,
      rationale: 'by the verdict',
      model: 'typed.ts',
      votes: [],
    });
  });

  test('is made with settings that its own schema checks', async () => {
    expect(await scored({ path: 'made.js', settings: { scale: 7 } })).toMatchObject({
      value: 21,
      rationale: 'reward',
    });
    const by = (await scored({ path: 'made.js', settings: { scale: 7, also: [1, { b: 1, a: 2 }] } })).by;
    expect(by).toEqual({
      module: 'made.js',
      export: 'default',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      settings: '{"also":[1,{"a":2,"b":1}],"scale":7}',
    });
    await expect(scored({ path: 'made.js' })).rejects.toThrow('reward: `settings.scale`: expected a number');
  });

  test.each([
    ['throws', 'Error: no such luck', true],
    ['slips', 'TypeError: Cannot read properties of undefined', false],
    ['never', 'did not answer for q1/0/0 in 50 ms', true],
    ['nan', 'found NaN', false],
    ['nothing', 'found undefined', false],
    ['text', 'found "high"', false],
    ['infinite', 'found an object', false],
    ['list', 'found a list', false],
  ])('that %s is an error that names it', async (name, message, retryable) => {
    const scoring = scored({ path: 'faults.js', export: name, timeoutMs: 50 });
    await expectRefusal(scoring, ModelError, message, `reward (faults.js, export \`${name}\`)`, 'q1/0/0');
    await expect(scoring).rejects.toMatchObject({ retryable });
  });

  test('explains within bounds', async () => {
    const { rationale } = await scored({ path: 'faults.js', export: 'wordy', maxRationaleChars: 200 });
    expect(rationale.length).toBeLessThan(300);
    expect(rationale).toContain('characters left out');
  });

  test.each([
    [{ path: 'nowhere.js' }, 'there is no file'],
    [{ path: 'faults.js', export: 'nan', settings: { a: 1 } }, 'takes no settings'],
    [{ path: 'faults.js' }, 'has no export `default`; it exports'],
  ])('%j cannot be opened', async (settings, message) => {
    await expect(scored(settings)).rejects.toThrow(ConfigError);
    await expect(scored(settings)).rejects.toThrow(message);
  });
});
