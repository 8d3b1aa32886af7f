/** Rollouts that begin again at recorded contexts: in a run of their own, killed and gone on with, and traced back. */
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openRun } from '../../src/open-run.ts';
import type { SubTrajectory } from '../../src/topics/records.generated.ts';
import { branchTopology } from '../../src/topology/branch.ts';
import { makeAblePolicy, sumLines } from './able-policy.ts';
import { contents, recordsOf } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { type Workplace, workplace } from './swirl-process.ts';

const ROLLOUTS = 2;
const where = ['--where', 'subTrajectory.index == 1'];

let place: Workplace;
let old: readonly SubTrajectory[];
const runs = () => place.path('runs');
const branch = (...args: string[]) =>
  place.swirl(['branch', '--run', 'main', '--rollouts', `${ROLLOUTS}`, ...args]);

beforeAll(async () => {
  place = workplace();
  await makeAblePolicy(place.path('policy'));
  place.write('questions.jsonl', sumLines(4).join(''));
  place.write('topology.yaml', sumsTopology('runs'));
  expect(await place.swirl(['feed', 'questions.jsonl'])).toMatchObject({ code: 0 });
  expect(await place.swirl(['run', '--until-drained'])).toMatchObject({ code: 0 });
  expect(await branch(...where, '--as', 'again')).toMatchObject({ code: 0 });
  old = await recordsOf(runs(), 'main', 'sub-trajectories');
});

afterAll(() => place.remove());

describe('a run of branches', () => {
  test('begins before the recorded steps, with their history; its own steps alone are judged and trained on', async () => {
    const steps = old.filter(({ index }) => index === 1);
    expect(steps.length).toBeGreaterThan(3);
    const trajectories = await recordsOf(runs(), 'again', 'trajectories');
    const names = steps.flatMap(({ trajectory }) => [`${trajectory}~1.0`, `${trajectory}~1.1`]);
    expect(trajectories.map(({ id }) => id).sort()).toEqual(names.sort());
    for (const { id, steps: all } of trajectories) {
      const from = steps.find(({ trajectory }) => id.startsWith(`${trajectory}~`));
      expect(all.slice(0, 1)).toEqual(from?.context);
      expect(all.length).toBeGreaterThan(1);
    }
    const own = trajectories.flatMap(({ id, steps: all }) => all.slice(1).map((_, i) => `${id}/${i + 1}`));
    for (const topic of ['judged', 'scored'] as const)
      expect((await recordsOf(runs(), 'again', topic)).map(({ id }) => id).sort()).toEqual(own.sort());
    const updates = await recordsOf(runs(), 'again', 'updates');
    expect(updates.reduce((sum, { subTrajectories }) => sum + subTrajectories, 0)).toBe(own.length);
    // Two from one context are two samples.
    const said = trajectories.map(({ steps: all }) =>
      JSON.stringify(all.slice(1).map(({ action }) => action.tokens)),
    );
    expect(new Set(said).size).toBeGreaterThan(1);
  });

  test('with the same seed and contexts is the same run, by condition or by name', async () => {
    const ids = old.filter(({ index }) => index === 1).map(({ id }) => id);
    // As a kill leaves it in the first moment.
    mkdirSync(place.path('runs', 'by-name'));
    place.write('runs/by-name/topology.resolved.yaml.5.tmp', '');
    expect(await branch(...ids, '--as', 'by-name')).toMatchObject({ code: 0 });
    const [one, other] = [await contents(runs(), 'again'), await contents(runs(), 'by-name')];
    for (const topic of ['turns', 'trajectories', 'judged', 'scored'])
      expect(other[topic]).toEqual(one[topic]);
    const hashes = async (run: string) =>
      (await recordsOf(runs(), run, 'updates')).map(({ weightsHash }) => weightsHash);
    expect(await hashes('by-name')).toEqual(await hashes('again'));
  });

  test('of which only some contexts were fed does not begin; the same command feeds the others', async () => {
    const { topology } = await partTopology();
    const { signal } = new AbortController();
    const opened = await openRun(topology);
    const steps = old.filter(({ index }) => index === 1);
    await opened.feed('contexts', steps.slice(0, 2));
    await expect(opened.start({ untilDrained: true, stop: signal, abort: signal })).rejects.toThrow(
      `to begin at ${steps.length} contexts of the run main, and has 2`,
    );
    await opened.close();
    const begun = await place.swirl(['run', 'runs/part', '--until-drained']);
    expect(begun).toMatchObject({ code: 2 });
    expect(begun.stderr).toContain('with --as part');
    const others = await branch('--where', 'subTrajectory.index == 0', '--as', 'part');
    expect(others).toMatchObject({ code: 2 });
    expect(others.stderr).toContain('not the same ones');
    const again = await branch(...where, '--as', 'part');
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain(`has 2 of its ${steps.length} contexts`);
    // Killed after that it goes on too; nothing is left to do here, and what came of it is said once more.
    const over = await branch(...where, '--as', 'part');
    expect(over).toMatchObject({ code: 0 });
    expect(over.stderr).toContain(`has its ${steps.length} contexts: it goes on`);
    const told = (text: string) => text.slice(text.indexOf('new rollouts at'));
    expect(told(over.stdout)).toBe(told(again.stdout));
    const [one, other] = [await contents(runs(), 'again'), await contents(runs(), 'part')];
    for (const topic of ['contexts', 'trajectories', 'scored']) expect(other[topic]).toEqual(one[topic]);

    /** As the command leaves it before it feeds. */
    async function partTopology() {
      const options = { run: 'main', folder: runs(), as: 'part', rollouts: ROLLOUTS, set: [] };
      const loaded = await branchTopology(options);
      const set = [`stages.branch.contexts=${old.filter(({ index }) => index === 1).length}`];
      expect(loaded.begun).toBeNull();
      return branchTopology({ ...options, set });
    }
  });

  test('a branch leads back to the step before which it began, and that step to its branches', async () => {
    const step = old.find(({ index }) => index === 1);
    const traced = async (id: string) => {
      const { stdout } = await place.swirl(['trace', id, '-t', 'runs/again', '--json']);
      const { trajectories } = JSON.parse(stdout) as {
        trajectories: { id: string; steps: { id: string; records: { run: string; topic: string }[] }[] }[];
      };
      return trajectories;
    };
    const back = await traced(`${step?.trajectory}~1.0`);
    expect(back.map(({ id }) => id)).toEqual([step?.trajectory, `${step?.trajectory}~1.0`]);
    expect(back[0]?.steps.map(({ id }) => id)).toEqual([step?.id]);
    const places = back[0]?.steps[0]?.records.map(({ run, topic }) => `${run} ${topic}`);
    expect(places).toEqual(expect.arrayContaining(['main judged', 'main scored', 'again contexts']));
    const forth = await traced(step?.id ?? '');
    expect(forth.map(({ id }) => id)).toEqual(
      [0, 1].reduce((all, n) => [...all, `${step?.trajectory}~1.${n}`], [step?.trajectory]),
    );
  });

  test('says what came of them, and what is wrong', async () => {
    const { stdout } = await branch(...where, '--as', 'told', '--json', '--set', 'stages.train=false');
    const { branches } = JSON.parse(stdout) as {
      branches: { contexts: { branches: unknown[] }[]; right: object };
    };
    expect(branches.contexts.map((one) => one.branches.length)).toEqual(
      old.filter(({ index }) => index === 1).map(() => ROLLOUTS),
    );
    // Its old run was trained, and it was not.
    const diff = await place.swirl(['diff', 'main', 'told', '--json', '--no-weights']);
    const { measures } = JSON.parse(diff.stdout) as { measures: { updates: number }[] };
    expect(measures.map(({ updates }) => updates > 0)).toEqual([true, false]);
    for (const [args, says] of [
      [['q0/7/1'], 'q0/7/1: expected the name of a question, trajectory or step'],
      [[...where, '--most', '2'], 'more than 2 such steps'],
      [[...where, '--as', 'main'], 'there is a run of that name, and no branch of main'],
      [[], 'name the steps to begin again at'],
    ] as const) {
      const { code, stderr } = await branch(...args);
      expect([code, stderr.includes(says)]).toEqual([2, true]);
    }
  });
});
