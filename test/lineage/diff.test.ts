/** What is different in two runs: a recorded one, and replays of it with and without a change. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { diffText } from '../../src/cli/diff-text.ts';
import { openRecordedChain, type RunChain } from '../../src/lineage/run-chain.ts';
import { type RunDiff, runDiff } from '../../src/lineage/run-diff.ts';
import { measure } from '../../src/lineage/run-measures.ts';
import { settingsDiff } from '../../src/lineage/settings-diff.ts';
import type { WeightsDiff } from '../../src/lineage/weights-diff.ts';
import type { Transport } from '../../src/topics/transport.ts';
import { recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

let place: Workplace;
type Diff = RunDiff & { readonly weights: WeightsDiff | null };

async function diff(a: string, b: string): Promise<Diff> {
  const { code, stdout } = await place.swirl(['diff', a, b, '--json']);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Diff;
}

beforeAll(async () => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
  const moved = setting(`policy.checkpoint=${place.path('policy')}`);
  const replays = {
    same: [],
    strict: setting('stages.filter.mode=process'),
    beta: setting('stages.train.beta=0.5'),
  };
  for (const [as, set] of Object.entries(replays)) {
    const replay = ['replay', '--run', 'main', '--from', 'sub-trajectories', '--as', as, ...set, ...moved];
    expect(await place.swirl(replay)).toMatchObject({ code: 0 });
  }
});
afterAll(() => place.remove());

test('two replays with the same settings differ in nothing', async () => {
  const { settings, topics, verdicts, measures, weights } = await diff('same', 'same');
  expect({ settings, topics }).toEqual({ settings: [], topics: [] });
  expect(verdicts.changed).toBe(0);
  expect(measures[0]).toEqual(measures[1]);
  expect(weights?.tensors.every(({ change }) => change === 0)).toBe(true);
});

test('another filter: the same verdicts, fewer accepted, other weights', async () => {
  const found = await diff('same', 'strict');
  expect(found.settings).toEqual([{ path: 'stages.filter.mode', a: '"none"', b: '"process"' }]);
  const first = Object.fromEntries(found.topics.map((topic) => [topic.topic, topic.first]));
  const judged = await recordsOf(place.path('runs'), 'same', 'judged');
  expect(first.judged).toBeNull();
  expect(first.accepted).not.toBeNull();
  expect(found.verdicts).toEqual({ compared: judged.length, changed: 0, beyond: 0, listed: [] });
  const [same, strict] = found.measures;
  expect(same.good).toBe(judged.filter(({ verdict }) => verdict.label === 'GOOD').length);
  expect(strict.accepted).toBeLessThan(same.accepted);
  expect(strict.weightsHash).not.toBe(same.weightsHash);
});

test('another objective: the same records up to training; singular values bound the norm of a change', async () => {
  const { topics, weights } = await diff('same', 'beta');
  const first = topics.find((topic) => topic.first !== null);
  // The first update begins at the initial policy, from which nothing is held back.
  expect(first).toMatchObject({ topic: 'updates', first: { place: '0:1', id: 'update/2' } });
  const matrices = (weights?.tensors ?? []).filter(({ change, singular }) => change > 0 && singular !== null);
  expect(matrices.length).toBeGreaterThan(0);
  for (const { change, singular, shape } of matrices) {
    const [largest = 0] = singular ?? [];
    expect(largest).toBeLessThanOrEqual(change * (1 + 1e-6));
    expect(largest).toBeGreaterThanOrEqual((change / Math.sqrt(Math.min(...shape))) * (1 - 1e-6));
  }
});

const bounds = { listed: 1000, compared: 5_000_000 };

test('what is beyond a bound is counted and said', async () => {
  const folder = place.path('runs');
  const [a, b] = [
    await openRecordedChain({ folder, run: 'same' }, { notify: () => {} }),
    await openRecordedChain({ folder, run: 'strict' }, { notify: () => {} }),
  ];
  const whole = await runDiff(a, b, bounds);
  const { verdicts, measures } = await runDiff(a, b, { listed: 0, compared: 2 });
  expect(verdicts).toMatchObject({ compared: 2, listed: [] });
  expect(verdicts.beyond).toBe(whole.measures[0].judged + whole.measures[1].judged - 4);
  expect(measures).toEqual(whole.measures);
  expect(diffText({ ...whole, verdicts: { ...verdicts, changed: 2 } }, null, 1)).toContain(
    `verdicts: 2 of 2 changed; ${verdicts.beyond} records more were not compared (--compared)`,
  );
  await expect(measure(a, 2)).rejects.toThrow('--compared');
  for (const { close } of [a, b]) await close();
  const few = await place.swirl(['diff', 'same', place.path('runs', 'beta'), '--singular', '1', '--json']);
  const { weights } = JSON.parse(few.stdout) as { weights: { tensors: { singular: number[] | null }[] } };
  expect(Math.max(...weights.tensors.map(({ singular }) => singular?.length ?? 0))).toBe(1);
});

test('what was judged is read once of each run', async () => {
  const folder = place.path('runs');
  const read: string[] = [];
  const open = async (run: string): Promise<RunChain> => {
    const chain = await openRecordedChain({ folder, run }, { notify: () => {} });
    const runs = chain.runs.map((one) => ({ ...one, transport: heard(one.transport, read) }));
    return { ...chain, runs };
  };
  const [a, b] = [await open('same'), await open('strict')];
  const { verdicts, measures } = await runDiff(a, b, bounds);
  expect(verdicts.compared).toBe(measures[0].judged);
  expect(read.sort()).toEqual(['same judged', 'strict judged']);
  read.length = 0;
  expect((await runDiff(a, a, bounds)).measures[1].judged).toBe(measures[0].judged);
  expect(read).toEqual(['same judged']);
  for (const { close } of [a, b]) await close();
});

/** The transport, whose readings of `judged` are written down. */
function heard(transport: Transport, read: string[]): Transport {
  return new Proxy(transport, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (name === 'read' && args[0] === 'judged') read.push(`${target.run} judged`);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

test('the text fits 80 columns, and a run that is not there is an error', async () => {
  const { code, stdout } = await place.swirl(['diff', 'same', 'beta']);
  expect(code).toBe(0);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  const none = await place.swirl(['diff', 'same', 'gone']);
  expect(none).toMatchObject({ code: 2 });
  expect(none.stderr).toContain('there is no run gone in runs');
});

test('what only one of two topologies has is told as a whole', () => {
  const a = { run: 'a', stages: { judge: { window: 8 }, train: { beta: 0 } } };
  const b = { run: 'b', stages: { train: { beta: 0.1 } } };
  expect(settingsDiff(a, b)).toEqual([
    { path: 'stages.judge', a: '{"window":8}', b: null },
    { path: 'stages.train.beta', a: '0', b: '0.1' },
  ]);
});
