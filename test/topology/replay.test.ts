/** A replay's topology: the old run's settings from a topic on, under a name of its own. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { ConfigError } from '../../src/errors.ts';
import { branchTopology } from '../../src/topology/branch.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { replayTopology } from '../../src/topology/replay.ts';
import { replayChanges } from '../../src/topology/replay-changes.ts';
import { writeResolved } from '../../src/topology/resolved.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { FINE } from './sample.ts';

let folder: string;
let old: Topology;
const replay = async (from: string, set: readonly string[] = [], as?: string): Promise<Topology> =>
  (await replayTopology({ run: 'first', from, folder, set, ...(as === undefined ? {} : { as }) })).topology;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-replay-'));
  old = resolveTopology({ ...parse(FINE), run: 'first', seed: 5, folder }, folder);
  writeResolved(old);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('keeps the stages downstream of the topic as they were, and reads the topic from the old run', async () => {
  const topology = await replay('scored');
  expect(topology).toEqual({
    ...old,
    run: 'first-replay-1',
    source: { run: 'first', topic: 'scored', without: [] },
    stages: { train: old.stages.train },
  });
});

test('any setting can be changed', async () => {
  const topology = await replay('sub-trajectories', ['stages.filter.mode=none', 'stages.train=false']);
  expect(Object.keys(topology.stages)).toEqual(['judge', 'filter', 'reward']);
  expect(topology.stages.filter?.mode).toBe('none');
});

test('a stage that is added is told as a change', async () => {
  const added = await replay('accepted', ['stages.resample={actions: 3}', 'stages.train.beta=0.1']);
  const changes = replayChanges(old, added);
  expect(changes.find(({ path }) => path === 'stages.resample')).toEqual({
    ...{ path: 'stages.resample', was: null, is: '{"actions":3,"follow":null,"maxAhead":null}' },
    ...{ stages: ['resample'], isTold: false },
  });
  expect(replayChanges(old, await replay('accepted'))).toEqual([]);
});

test('takes the first free name, or the one that is given, whatever it looks like', async () => {
  mkdirSync(join(folder, 'first-replay-1'), { recursive: true });
  expect((await replay('scored')).run).toBe('first-replay-2');
  expect((await replay('scored', [], '7')).run).toBe('7');
  await expect(replay('scored', [], 'first')).rejects.toThrow(ConfigError);
});

test('runs that were moved are read where they are', async () => {
  const moved = join(folder, 'moved');
  cpSync(join(folder, 'first'), join(moved, 'first'), { recursive: true });
  const { topology } = await replayTopology({ run: 'first', from: 'scored', folder: moved, set: [] });
  expect(topology.folder).toBe(moved);
});

test.each([
  ['scoerd', 'has no such topic; did you mean scored?'],
  ['nothing', 'has no such topic; expected one of questions, turns'],
  ['updates', 'no stage reads updates'],
  ['turns', 'inside the cycle of a rollout'],
])('from %s there is nothing to replay', async (from, message) => {
  await expect(replay(from)).rejects.toThrow(ConfigError);
  await expect(replay(from)).rejects.toThrow(message);
});

test('what was fed above the topic is nothing to warn of', async () => {
  const given = { run: 'first', from: 'scored', folder, set: ['fed=[trajectories]'] };
  expect((await replayTopology(given)).warnings).toEqual([]);
});

test('nothing begins again at the steps of a replay without rollouts: the run to name is told', async () => {
  writeResolved(await replay('judged', [], 'judged-again'));
  const branch = branchTopology({ run: 'judged-again', folder, rollouts: 1, set: [] });
  await expect(branch).rejects.toThrow('name the run that it replays, first');
  const policy = branchTopology({ run: 'first', folder, rollouts: 1, set: [], policy: join(folder, 'none') });
  await expect(policy).rejects.toThrow('there is no such folder');
});

test('a run that is not there', async () => {
  await expect(replayTopology({ run: 'none', from: 'scored', folder, set: [] })).rejects.toThrow(
    `there is no run none in ${folder}`,
  );
});
