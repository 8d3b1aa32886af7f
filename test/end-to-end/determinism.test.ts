/**
 * The same cause, the same name: what a run writes is a function of its questions, its seed and its
 * configuration.
 */
import { cpSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeAblePolicy, sumLines } from './able-policy.ts';
import { contents, recordsOf } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

/** On an adapter where there is one: what holds for float64 must hold there too. */
const device = 'auto';

let place: Workplace;
let first: Record<string, string[]>;

beforeAll(async () => {
  place = workplace();
  await makeAblePolicy(place.path('policy'));
  const lines = sumLines(6);
  place.write('questions.jsonl', lines.join(''));
  place.write('topology.yaml', sumsTopology('runs', device));
  first = await run('first');
});

afterAll(() => place.remove());

/** Feeds and drains a run of its own, with other settings, and reads what it has written. */
async function run(name: string, ...set: string[]): Promise<Record<string, string[]>> {
  const own = setting(`run=${name}`, ...set);
  expect(await place.swirl(['feed', 'questions.jsonl', ...own])).toMatchObject({ code: 0 });
  expect(await place.swirl(['run', '--until-drained', ...own])).toMatchObject({ code: 0 });
  return contents(place.path('runs'), name);
}

/** The records of `updates` bear the run's name as their key; nothing else does. */
function apartFromTheName(all: Record<string, string[]>, name: string): Record<string, string[]> {
  return { ...all, updates: (all.updates ?? []).map((line) => line.replace(` ${name} `, ' ')) };
}

async function hashes(name: string): Promise<string[]> {
  const updates = await recordsOf(place.path('runs'), name, 'updates');
  return updates.map(({ weightsHash }) => weightsHash);
}

describe('two runs', () => {
  test('with one seed write the same topics, however they commit, sample in batches and are windowed downstream', async () => {
    const settings = [
      'runtime.commit.records=1',
      'policy.slots=3',
      'stages.judge.window=2',
      'stages.decompose.window=1',
    ];
    const second = await run('second', ...settings);
    for (const topic of ['trajectories', 'accepted', 'scored', 'updates'])
      expect(first[topic]?.length).toBeGreaterThan(2);
    expect(apartFromTheName(second, 'second')).toEqual(apartFromTheName(first, 'first'));
  });

  test('with two seeds do not', async () => {
    const other = await run('other', 'seed=8', 'stages.train=false');
    expect(other.questions).toEqual(first.questions);
    expect(other.trajectories).toHaveLength(first.trajectories?.length ?? 0);
    expect(other.trajectories).not.toEqual(first.trajectories);
  });
});

describe('a replay', () => {
  test('from scored gives every update and hash again; from judged too, and from a policy moved elsewhere', async () => {
    const expected = await hashes('first');
    expect(expected.length).toBeGreaterThan(2);
    expect(expected).not.toContain('');
    const replay = (from: string, as: string, ...set: string[]) =>
      place.swirl(['replay', '--run', 'first', '--from', from, '--as', as, ...set]);
    expect(await replay('scored', 'again')).toMatchObject({ code: 0 });
    expect(await hashes('again')).toEqual(expected);
    // A replay reads its input from the run that it replays; so does a replay of it.
    const args = ['replay', '--run', 'again', '--from', 'scored', '--as', 'once-more'];
    expect(await place.swirl(args)).toMatchObject({ code: 0 });
    expect(await hashes('once-more')).toEqual(expected);
    cpSync(place.path('policy'), place.path('moved'), { recursive: true });
    const checkpoint = place.path('moved');
    expect(await replay('judged', 'judged', '--set', `policy.checkpoint=${checkpoint}`)).toMatchObject({
      code: 0,
    });
    expect(await hashes('judged')).toEqual(expected);
  });

  test('with another learning rate gives other weights', async () => {
    // Not another normalization: clipping and Adam take a mere factor out of the gradient again.
    const args = ['replay', '--run', 'first', '--from', 'scored', '--as', 'faster'];
    const ended = await place.swirl([...args, '--set', 'stages.train.schedule.learningRate=2e-3']);
    expect(ended).toMatchObject({ code: 0 });
    expect(await hashes('faster')).not.toEqual(await hashes('first'));
  });
});
