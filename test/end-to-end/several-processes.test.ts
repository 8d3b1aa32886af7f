/** A run, feeds and taps at once, each a process of its own, and one run too many. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../patience.ts';
import { sumLines } from './able-policy.ts';
import { countsOf } from './counts.ts';
import { recordsOf } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { type Workplace, workplace } from './swirl-process.ts';

const often = { everyMs: 50 };

describe('several processes', () => {
  let place: Workplace;

  beforeAll(async () => {
    place = workplace();
    const lines = sumLines(6);
    place.write('first.jsonl', lines.slice(0, 3).join(''));
    place.write('second.jsonl', lines.slice(3).join(''));
    place.write('topology.yaml', sumsTopology('runs'));
    const shape = ['--vocabulary', '300', '--hidden', '16', '--layers', '1', '--positions', '256'];
    await place.swirl(['new-policy', 'policy', '--texts', 'first.jsonl', ...shape]);
  });

  afterAll(() => place.remove());

  test('a run takes what is fed while it goes on, and a tap sees all of it; a second run is refused', async () => {
    expect(await place.swirl(['feed', 'first.jsonl'])).toMatchObject({ code: 0 });
    const tap = place.start(['tap', 'judged', '--follow', '--json']);
    const run = place.start(['run']);
    const trajectories = () => recordsOf(place.path('runs'), 'main', 'trajectories');
    await until('6 trajectories', async () => (await trajectories()).length === 6, often);

    const another = await place.swirl(['run']);
    expect(another).toMatchObject({ code: 1 });
    expect(another.stderr).toContain(String(run.child.pid));

    expect(await place.swirl(['feed', 'second.jsonl'])).toMatchObject({ code: 0 });
    await until('12 trajectories', async () => (await trajectories()).length === 12, often);
    const steps = (await trajectories()).flatMap(({ id, steps: all }) => all.map((_, i) => `${id}/${i}`));
    const seen = () =>
      tap
        .said()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { offset: number; record: { id: string } });
    await until('the tap to see them', () => seen().length >= steps.length, often);

    // Nothing else ends such a run: a signal is its proper end.
    run.child.kill('SIGINT');
    const { code, signal, stderr } = await run.ended;
    expect([code, signal, code === 0 ? '' : stderr]).toEqual([0, null, '']);
    tap.child.kill('SIGINT');
    expect(await tap.ended).toMatchObject({ code: 0, signal: null });
    expect(seen().map(({ offset }) => offset)).toEqual(steps.map((_, i) => i));
    expect(seen().map(({ record }) => record.id)).toEqual(steps);
  });

  test('three processes share the stages of a run', async () => {
    const own = ['--set', 'run=shared'];
    const workers = ['start,tools', 'rollout', 'decompose,judge,filter,reward,train'].map((stages) =>
      place.start(['run', '--stages', stages, ...own]),
    );
    expect(await place.swirl(['feed', 'first.jsonl', 'second.jsonl', ...own])).toMatchObject({ code: 0 });
    const shared = () => recordsOf(place.path('runs'), 'shared', 'trajectories');
    await until('12 trajectories', async () => (await shared()).length === 12, often);
    for (const { child } of workers) child.kill('SIGTERM');
    for (const { ended } of workers) expect(await ended).toMatchObject({ code: 0, signal: null });
    // What the last of them had not yet done.
    expect(await place.swirl(['run', '--until-drained', ...own])).toMatchObject({ code: 0 });
    const counts = await countsOf(place.path('runs'), 'shared', { rollouts: 2 });
    expect(counts).toMatchObject({ questions: 6, trajectories: 12, failures: {}, problems: [] });
    expect(counts.updates).toBeGreaterThan(0);
  });
});
