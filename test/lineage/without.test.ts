/** A replay without some records is a run that was never fed them. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Scored } from '../../src/topics/records.generated.ts';
import { recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

let place: Workplace;
let scored: readonly Scored[];
let moved: string[];

beforeAll(async () => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
  moved = setting(`policy.checkpoint=${place.path('policy')}`);
  scored = await recordsOf(place.path('runs'), 'main', 'scored');
});
afterAll(() => place.remove());

async function hashes(run: string): Promise<string[]> {
  return (await recordsOf(place.path('runs'), run, 'updates')).map(({ weightsHash }) => weightsHash);
}

const replay = (as: string, ...rest: string[]) =>
  place.swirl(['replay', '--run', 'main', '--from', 'scored', '--as', as, ...rest, ...moved]);

test.each([
  ['a step', ({ id }: Scored) => id],
  ['a trajectory', ({ subTrajectory }: Scored) => subTrajectory.trajectory],
  ['a question', ({ subTrajectory }: Scored) => subTrajectory.question.id],
])('without %s it gives the weights of a run that has only the others', async (what, nameOf) => {
  const [first] = scored as readonly [Scored];
  const name = nameOf(first);
  const run = what.replace(/\W/g, '-');
  const { code, stderr } = await replay(run, '--without', name);
  expect({ code, stderr }).toMatchObject({ code: 0 });

  const others = scored.filter((record) => nameOf(record) !== name);
  expect(others.length).toBeLessThan(scored.length);
  place.write('others.jsonl', others.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const alone = [
    ...moved,
    ...setting(`run=${run}-fed`, 'fed=[scored]', `folder=${place.path('runs')}`),
    ...['start', 'rollout', 'tools', 'decompose', 'judge', 'filter', 'reward'].flatMap((stage) =>
      setting(`stages.${stage}=false`),
    ),
  ];
  const topology = ['-t', place.path('runs', 'main', 'topology.resolved.yaml'), ...alone];
  expect(await place.swirl(['feed', 'others.jsonl', '--topic', 'scored', ...topology])).toMatchObject({
    code: 0,
  });
  expect(await place.swirl(['run', '--until-drained', ...topology])).toMatchObject({ code: 0 });

  const found = await hashes(run);
  expect(found.length).toBeGreaterThan(0);
  expect(found).toEqual(await hashes(`${run}-fed`));
  expect(found).not.toEqual(await hashes('main'));
});

test('a name of no record, and a step where trajectories are whole, are refused', async () => {
  const [{ id }] = scored as readonly [Scored];
  const none = await replay('none', '--without', `${id}9`);
  expect(none).toMatchObject({ code: 2 });
  expect(none.stderr).toContain('with a record in `scored` of the run main');
  const whole = ['replay', '--run', 'main', '--from', 'trajectories', '--as', 'whole', '--without', id];
  expect((await place.swirl([...whole, ...moved])).stderr).toContain('a trajectory is replayed whole');
  // Nor is a replay fed what only the run above it would read.
  await replay('fed', '--until', '1');
  place.write('questions.jsonl', '{"id":"q9","task":"math","text":"What?"}\n');
  const fed = await place.swirl(['feed', 'questions.jsonl', '-t', 'runs/fed']);
  expect([fed.code, fed.stderr]).toEqual([2, expect.stringContaining('none of its stages reads questions')]);
});
