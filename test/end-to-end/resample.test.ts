/**
 * Fresh actions at recorded contexts, in a whole run: groups are whole, the trainer finds the logprobs that were
 * recorded, kills change nothing, and replays from what was recorded give the same weights.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Scored } from '../../src/topics/records.generated.ts';
import { startFaultServer } from '../models/fault-server.ts';
import { until } from '../patience.ts';
import { makeAblePolicy, sumLines } from './able-policy.ts';
import { contents, recordsOf } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

const ACTIONS = 3;

let place: Workplace;

beforeAll(async () => {
  place = workplace();
  await makeAblePolicy(place.path('policy'));
  place.write('questions.jsonl', sumLines(4).join(''));
  const base = sumsTopology('runs');
  const stages = {
    ...base.stages,
    resample: { actions: ACTIONS },
    train: { ...base.stages.train, advantage: 'leave-one-out', clipRatio: { kind: 'clipped' } },
  };
  place.write('topology.yaml', { ...base, reward: { kind: 'judge', unknown: 0.5 }, stages });
  expect(await place.swirl(['feed', 'questions.jsonl', ...setting('run=whole')])).toMatchObject({ code: 0 });
  expect(await place.swirl(['run', '--until-drained', ...setting('run=whole')])).toMatchObject({ code: 0 });
});

afterAll(() => place.remove());

const runs = () => place.path('runs');

describe('a run with fresh actions', () => {
  test('each accepted context has its actions, adjacent; every group is in one batch; at first the ratio is 1', async () => {
    const accepted = await recordsOf(runs(), 'whole', 'accepted');
    const scored = (await recordsOf(runs(), 'whole', 'scored')) as Scored[];
    expect(accepted.length).toBeGreaterThan(8);
    const names = accepted.flatMap(({ id }) => Array.from({ length: ACTIONS }, (_, n) => `${id}~${n}`));
    expect(scored.map(({ id }) => id)).toEqual(names);
    const texts = new Set(scored.map(({ subTrajectory }) => subTrajectory.action.text));
    expect(texts.size).toBeGreaterThan(2);
    const updates = await recordsOf(runs(), 'whole', 'updates');
    for (const { toOffset } of updates) expect(toOffset % ACTIONS).toBe(0);
    expect(updates.reduce((sum, { subTrajectories }) => sum + subTrajectories, 0)).toBe(scored.length);
    expect(Math.abs((updates[0]?.meanRatio ?? 0) - 1)).toBeLessThan(1e-6);
    expect(updates.some(({ gradNorm }) => gradNorm > 0)).toBe(true);
  });

  test.each(['accepted', 'resampled', 'scored'])(
    'replayed from %s it ends with the same weights',
    async (topic) => {
      const name = `from-${topic}`;
      const replay = ['replay', '--run', 'whole', '--from', topic, '--as', name];
      expect(await place.swirl(replay)).toMatchObject({ code: 0 });
      const hashes = async (run: string) =>
        (await recordsOf(runs(), run, 'updates')).map(({ weightsHash }) => weightsHash);
      expect(await hashes(name)).toEqual(await hashes('whole'));
    },
  );

  test('that follow the training do not run far ahead of it', async () => {
    const [batch, held, window] = [ACTIONS, 2 * ACTIONS, 2];
    const settings = setting(
      'run=bounded',
      `stages.resample={actions: ${ACTIONS}, window: 1, follow: {checkMs: 20}}`,
      `stages.reward.window=${window}`,
      ...[`batch={subTrajectories: ${batch}}`, `window=${held}`, 'maxDropped=1'].map(
        (one) => `stages.train.${one}`,
      ),
    );
    expect(await place.swirl(['feed', 'questions.jsonl', ...settings])).toMatchObject({ code: 0 });
    const stages = ['--stages', 'start,rollout,tools,decompose,judge,filter,resample,reward'];
    const most = place.start(['run', '--until-drained', ...stages, ...settings]);
    await until('it waits', () => most.said().includes('resample waits for the training'), {
      details: () => most.said(),
    });
    const drawn = (await contents(runs(), 'bounded')).resampled?.length ?? 0;
    // The last context begins below the bound, and one more may have been in flight.
    expect(drawn).toBeGreaterThan(0);
    expect(drawn).toBeLessThanOrEqual(held + window + 2 * (ACTIONS - 1));
    const trained = await place.swirl(['run', '--until-drained', '--stages', 'train', ...settings]);
    expect(trained).toMatchObject({ code: 0 });
    expect(await most.ended).toMatchObject({ code: 0 });
    const accepted = await recordsOf(runs(), 'bounded', 'accepted');
    const updates = await recordsOf(runs(), 'bounded', 'updates');
    expect(ACTIONS * accepted.length).toBeGreaterThan(drawn);
    expect(updates.reduce((sum, { subTrajectories }) => sum + subTrajectories, 0)).toBe(
      ACTIONS * accepted.length,
    );
  });

  test('drawn from a policy behind an endpoint, which fails at times, and learned by the local one', async () => {
    const server = await startFaultServer(({ body: { messages } }, index) =>
      index % 5 === 4
        ? { kind: 'status', status: 503, headers: { 'retry-after': '0' } }
        : index % 3 === 0
          ? `<math_exp>${messages.length} + ${index}</math_exp>`
          : `<answer>${messages.length} ${index}</answer>`,
    );
    const remote = JSON.stringify({ kind: 'openai', baseUrl: server.url, model: 'remote' });
    const settings = [
      `policy=${remote}`,
      `learner.checkpoint=${place.path('policy')}`,
      'stages.train.clipRatio=null',
    ];
    const replayed = await place.swirl([
      ...['replay', '--run', 'whole', '--from', 'accepted', '--as', 'remote'],
      ...settings.flatMap((one) => ['--set', one]),
    ]);
    await server.close();
    expect(replayed).toMatchObject({ code: 0 });
    const accepted = await recordsOf(runs(), 'whole', 'accepted');
    const scored = (await recordsOf(runs(), 'remote', 'scored')) as Scored[];
    expect(scored.map(({ id }) => id)).toEqual(
      accepted.flatMap(({ id }) => Array.from({ length: ACTIONS }, (_, n) => `${id}~${n}`)),
    );
    // Each reply is one action's: what failed was asked again, and nothing twice.
    const replies = scored.map(({ subTrajectory: { action } }) => Number(/ (\d+)</.exec(action.text)?.[1]));
    const given = server.requests.map((_, index) => index).filter((index) => index % 5 !== 4);
    expect(replies.sort((a, b) => a - b)).toEqual(given);
    const actions = scored.map(({ subTrajectory: { action } }) => action);
    expect(actions.every(({ policy, logprobs }) => policy === 'remote' && logprobs === null)).toBe(true);
    const [trained, refused] = [
      await recordsOf(runs(), 'remote', 'updates'),
      await recordsOf(runs(), 'remote', 'failures'),
    ];
    expect(trained.reduce((sum, { subTrajectories }) => sum + subTrajectories, 0)).toBe(scored.length);
    expect(refused).toEqual([]);
  });
});
