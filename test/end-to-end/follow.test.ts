/**
 * Rollouts that follow the training: what sampled an action is recorded, is bounded in its lag, and replays.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeAblePolicy, sumLines } from './able-policy.ts';
import { recordsOf } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

let place: Workplace;

beforeAll(async () => {
  place = workplace();
  await makeAblePolicy(place.path('policy'));
  const lines = sumLines(8);
  place.write('first.jsonl', lines.slice(0, 3).join(''));
  place.write('then.jsonl', lines.slice(3).join(''));
  place.write('topology.yaml', sumsTopology('runs'));
});

afterAll(() => place.remove());

test.each([
  ['every weight', []],
  ['adapters', ['stages.train.parameters={kind: lora, rank: 4}']],
])('with %s: versions rise, each bears the hash of its update, and the weights replay', async (name, set) => {
  const run = name.replace(' ', '-');
  const settings = [
    ...set,
    ...['stages.rollout.follow={maxLag: 0, checkMs: 20}', 'stages.rollout.window=2', 'policy.slots=2'],
    ...['stages.train.checkpointEvery=1', 'stages.train.batch={trajectories: 2}'],
  ];
  const own = setting(`run=${run}`, ...settings);
  const runs = place.path('runs');
  const go = async (questions: string) => {
    expect(await place.swirl(['feed', questions, ...own])).toMatchObject({ code: 0 });
    expect(await place.swirl(['run', '--until-drained', ...own])).toMatchObject({ code: 0 });
    return (await recordsOf(runs, run, 'updates')).length;
  };
  const before = await go('first.jsonl');
  expect(before).toBe(3);
  expect(await go('then.jsonl')).toBe(8);
  const updates = await recordsOf(runs, run, 'updates');
  const hashes = new Map(updates.map(({ step, weightsHash }) => [step, weightsHash]));
  const trajectories = await recordsOf(runs, run, 'trajectories');
  expect(trajectories).toHaveLength(16);
  for (const [n, { steps }] of trajectories.entries()) {
    for (const { action } of steps) {
      const [, hash = '', step = ''] = /^local:([0-9a-f]{12})@(\d+)$/.exec(action.policy) ?? [];
      // What was asked when three updates had been told was answered by their policy, or a later one.
      expect(Number(step)).toBeGreaterThanOrEqual(n < 6 ? 0 : before);
      if (step !== '0') expect(hashes.get(Number(step))?.slice(0, 12)).toBe(hash);
    }
  }

  const replay = ['replay', '--run', run, '--from', 'trajectories', '--as', `${run}-again`];
  expect(await place.swirl([...replay, '--set', 'stages.rollout=false'])).toMatchObject({ code: 0 });
  const again = await recordsOf(place.path('runs'), `${run}-again`, 'updates');
  expect(again.map(({ weightsHash }) => weightsHash)).toEqual([...hashes.values()]);
});
