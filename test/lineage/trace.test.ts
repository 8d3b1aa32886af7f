/**
 * Lineage against a plain reading of everything: in a run that an earlier version recorded, and in a replay
 * of it.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.ts';
import { openChain, type RunChain } from '../../src/lineage/run-chain.ts';
import { trace } from '../../src/lineage/trace.ts';
import { traceUpdate } from '../../src/lineage/updates-of.ts';
import { keyOf } from '../../src/topics/key-of.ts';
import type { Judged, Scored, Topic, Update } from '../../src/topics/records.generated.ts';
import { loadTopology } from '../../src/topology/load.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

let place: Workplace;
let chains: Record<'main' | 'again', RunChain>;
const all = (run: string, topic: Topic) => recordsOf(place.path('runs'), run, topic);

beforeAll(async () => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
  const moved = setting(`policy.checkpoint=${place.path('policy')}`);
  const replay = ['replay', '--run', 'main', '--from', 'judged', '--as', 'again', ...moved];
  expect(await place.swirl(replay)).toMatchObject({ code: 0 });
  const open = async (run: string) => {
    const file = place.path('runs', run, 'topology.resolved.yaml');
    const { topology } = loadTopology(file, { set: [`run=${run}`, `folder=${place.path('runs')}`] });
    return openChain(topology, { notify: () => {} });
  };
  chains = { main: await open('main'), again: await open('again') };
});
afterAll(async () => {
  for (const chain of Object.values(chains ?? {})) await chain.close();
  await place.remove();
});

describe.each(['main', 'again'] as const)('in the run %s', (run) => {
  test('a step leads to every update whose batch it was in, and each of these back to it', async () => {
    const scored = (await all(run, 'scored')) as Scored[];
    const updates = (await all(run, 'updates')) as Update[];
    expect(scored.length).toBeGreaterThan(0);
    for (const [offset, { id }] of scored.entries()) {
      const { trajectories, question } = await trace(chains[run], id);
      expect(question?.record).toMatchObject({ id: id.split('/')[0] });
      const steps = trajectories.flatMap((trajectory) => trajectory.steps);
      expect(steps.map((step) => step.id)).toEqual([id]);
      const expected = updates.filter(
        ({ fromOffset, toOffset }) => fromOffset <= offset && offset < toOffset,
      );
      expect(expected.length).toBeGreaterThan(0);
      const found = steps.flatMap((step) => step.updates).filter((update) => update.run === run);
      expect(found.map(({ update }) => update)).toEqual(expected);
    }
    for (const update of updates) {
      const { batch, before } = await traceUpdate(chains[run], update.id);
      expect(batch.map(({ record }) => record)).toEqual(scored.slice(update.fromOffset, update.toOffset));
      expect(before?.step ?? 0).toBe(update.step - 1);
    }
  });

  test('every record is in the trace of its question once, under the run that holds it', async () => {
    const runs = run === 'main' ? ['main'] : ['again', 'main'];
    for (const { id } of await all('main', 'questions')) {
      const expected: string[] = [];
      for (const holder of runs) {
        for (const topic of TOPICS.filter((name) => !['questions', 'updates', 'failures'].includes(name))) {
          if (holder === 'again' && !['accepted', 'scored'].includes(topic)) continue;
          for (const record of await all(holder, topic)) {
            if (keyOf(record).startsWith(`${id}/`)) expected.push(`${holder} ${topic} ${record.id}`);
          }
        }
      }
      const { trajectories } = await trace(chains[run], id);
      const found = trajectories.flatMap(({ records, steps }) => [
        ...records,
        ...steps.flatMap((step) => step.records),
      ]);
      const named = found.map((one) => `${one.run} ${one.topic} ${one.record?.id}`);
      expect(named.toSorted()).toEqual(expected.toSorted());
    }
  });
});

test('what there is not is told, with what there is', async () => {
  await expect(trace(chains.again, 'q-none/1')).rejects.toThrow(ConfigError);
  await expect(trace(chains.again, 'q-none/1')).rejects.toThrow('the run again, which replays main');
  // Its question is there, and so is the trajectory of the second.
  const [{ subTrajectory }] = (await all('main', 'judged')) as [Judged];
  for (const id of [`${subTrajectory.question.id}/99`, `${subTrajectory.trajectory}/99`])
    await expect(trace(chains.main, id)).rejects.toThrow('of which there is no record');
  await expect(traceUpdate(chains.main, 'update/999999')).rejects.toThrow(/whose last is update\/\d+/);
});

test('the command tells it on 80 columns, as JSON and as a chart', async () => {
  const [{ id }] = (await all('again', 'scored')) as [Scored];
  const swirl = async (...args: string[]) => {
    const ended = await place.swirl(['trace', '-t', 'runs/again', ...args]);
    expect(ended).toMatchObject({ code: 0 });
    return ended.stdout;
  };
  const text = await swirl(id);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(text).toMatch(
    /^question .*\n(.*\n)*trajectory .*\n(.*\n)* {2}step .*\n(.*\n)* {4}update\/1 of again/,
  );
  expect(JSON.parse(await swirl(id, '--json'))).toMatchObject({ id, failures: [] });
  expect(await swirl(id, '--graph')).toMatch(/^flowchart LR\n {2}n0\["question /);
  expect(JSON.parse(await swirl('update/1', '--json'))).toMatchObject({ update: { step: 1 }, before: null });
  expect(await swirl('update/1')).toContain('weights: from the initial policy to ');
});
