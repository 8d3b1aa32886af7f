/** A replay compares its updates with the old run's: equal where they must be, and otherwise what may be why. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { compareUpdates, isWrong, type UpdatesComparison } from '../../src/lineage/compare-updates.ts';
import type { OpenRun } from '../../src/open-run.ts';
import type { Update } from '../../src/topics/records.generated.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';
import { FINE } from '../topology/sample.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

let place: Workplace;
let moved: string[];
let hashes: string[];

beforeAll(async () => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
  moved = setting(`policy.checkpoint=${place.path('policy')}`);
  hashes = await hashesOf('main');
});
afterAll(() => place.remove());

async function hashesOf(run: string): Promise<string[]> {
  return (await recordsOf(place.path('runs'), run, 'updates')).map(({ weightsHash }) => weightsHash);
}

async function replay(as: string, ...rest: string[]) {
  const { code, stdout, stderr } = await place.swirl(['replay', '--as', as, ...moved, ...rest, '--json']);
  expect(stderr).not.toContain('swirl:');
  return { code, found: (JSON.parse(stdout) as { updates: UpdatesComparison }).updates };
}

describe('a replay of a recorded run', () => {
  test('with nothing changed made the same updates, and says so', async () => {
    const { code, found } = await replay('same', '--run', 'main', '--from', 'sub-trajectories');
    expect(code).toBe(0);
    expect(found).toMatchObject({ first: null, changed: [], updates: [hashes.length, hashes.length] });
    expect(found.weightsHash).toBe(hashes.at(-1));
    expect(await hashesOf('same')).toEqual(hashes);
  });

  test('with a setting changed says which, and where the updates part', async () => {
    const other = ['--from', 'sub-trajectories', ...setting('stages.train.beta=0.5')];
    const { code, found } = await replay('beta', '--run', 'main', ...other);
    expect(code).toBe(0);
    expect(found.changed.map(({ path, was, is }) => [path, was, is])).toEqual([
      ['stages.train.beta', '0', '0.5'],
    ]);
    const mine = await hashesOf('beta');
    const at = mine.findIndex((hash, n) => hash !== hashes[n]);
    expect(found.first?.id).toBe(`update/${at + 1}`);
  });

  test('until an offset, or until a time, it trains on what was there by then', async () => {
    const until = 4;
    const tapped = await place.swirl([
      ...['tap', 'scored', '-t', place.path('runs', 'main'), '--json'],
      ...setting(`folder=${place.path('runs')}`),
    ]);
    const entries = tapped.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { time: string });
    const short = await replay('short', '--run', 'main', '--from', 'scored', '--until', `${until}`);
    expect(short.found.changed).toMatchObject([{ path: 'source.until', is: `{"offset":${until}}` }]);
    const [first] = await recordsOf(place.path('runs'), 'main', 'updates');
    expect(first?.toOffset).toBe(until);
    expect(await hashesOf('short')).toEqual(hashes.slice(0, 1));

    const time = new Date(entries.at(-1)?.time ?? '').getTime();
    const before = entries.filter((entry) => new Date(entry.time).getTime() < time).length;
    expect(before).toBeGreaterThan(0);
    const iso = new Date(time).toISOString();
    await replay('early', '--run', 'main', '--from', 'scored', '--until', iso);
    await replay('as-early', '--run', 'main', '--from', 'scored', '--until', `${before}`);
    expect(await hashesOf('early')).toEqual(await hashesOf('as-early'));

    // A replay of that replay is no longer than it was.
    const again = await replay('again', '--run', 'short', '--from', 'scored');
    expect(again).toMatchObject({ code: 0, found: { changed: [], first: null, updates: [1, 1] } });
  });

  test('that must be equal and is not ends with 5: here the policy was put in place of another', async () => {
    rmSync(place.path('policy', 'model.safetensors'));
    const trained = place.path('runs', 'same', 'checkpoints', `step-${hashes.length}`, 'model.safetensors');
    copyFileSync(trained, place.path('policy', 'model.safetensors'));
    const { code, found } = await replay('broken', '--run', 'same', '--from', 'scored');
    expect(code).toBe(5);
    expect(found.first?.id).toBe('update/1');
    expect(found.reasons).toEqual([
      expect.stringMatching(/began with is another: weights \w+ then, \w+ now/),
    ]);
    expect(found.reasons[0]).toContain(hashes.at(-1)?.slice(0, 12));
    const { stdout } = await place.swirl([
      ...['replay', '--run', 'same', '--from', 'scored', '--as', 'told'],
      ...moved,
    ]);
    expect(stdout).toMatch(/nothing was changed, so they had to be the same/);
    // A command is one line, to be copied.
    const text = stdout.split('\n').filter((line) => !/^(next|look at it): /.test(line));
    expect(Math.max(...text.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe('updates that differ although nothing was changed', () => {
  const topology = (run: string) => resolveTopology({ ...parse(FINE), run, folder: '/nowhere' }, '/nowhere');
  const update = (step: number, over: Partial<Update> = {}): Update => ({
    ...{ id: `update/${step}`, step, epoch: 0, partition: 0, fromOffset: step, toOffset: step + 1 },
    ...{ trajectories: 2, subTrajectories: 4, dropped: 0, actionTokens: 9, rowTokens: 20, meanReward: 1 },
    ...{ loss: 1 / step, meanLogprob: -1, kl: 0, meanRatio: null, clippedShare: null, gradNorm: 1 },
    ...{ learningRate: 1e-3, weightsHash: `${step}`, by: null, ...over },
  });
  const three = [1, 2, 3].map((step) => update(step));

  async function compared(was: readonly Update[], is: readonly Update[]): Promise<UpdatesComparison> {
    const read = async function* (_: string, { run }: { run?: string } = {}) {
      yield* run === 'old' ? was : is;
    };
    const found = await compareUpdates(
      { topology: topology('new'), read: read as OpenRun['read'] },
      topology('old'),
    );
    if (found === null) throw new Error('there are updates');
    expect(found).toMatchObject({ changed: [], mayDiffer: [] });
    return found;
  }

  test('by the last bits of a loss are told from others', async () => {
    const loss = 0.5 * (1 + 2 ** -20);
    const rounded = await compared(three, [three[0] as Update, update(2, { loss, weightsHash: 'x' })]);
    expect(rounded.first).toMatchObject({
      id: 'update/2',
      fields: [{ path: 'loss' }, { path: 'weightsHash' }],
    });
    expect(rounded.first?.fields[0]).toEqual({ path: 'loss', was: 0.5, is: loss });
    expect(rounded.reasons).toEqual([expect.stringContaining('policy.matmul')]);
    const more = await compared(three, [three[0] as Update, update(2, { loss: 0.51, weightsHash: 'x' })]);
    expect(more.reasons).toEqual([expect.stringContaining('swirl doctor')]);
  });

  test('by a part of a batch, at which the old run was drained, are told as that', async () => {
    const part = update(2, { subTrajectories: 2, trajectories: 1, weightsHash: 'x' });
    const found = await compared([three[0] as Update, part, three[2] as Update], three);
    expect(found.reasons).toEqual([expect.stringContaining('was drained there')]);
    expect(isWrong(found)).toBe(true);
  });

  test('an old run that was stopped, steps made again, and hashes that one has not are no difference', async () => {
    const unhashed = three.map((one) => ({ ...one, weightsHash: '' }));
    for (const [was, is] of [
      [three.slice(0, 2), three],
      [[...three.slice(0, 2), ...three], three],
      [three, unhashed],
    ] as const) {
      const found = await compared(was, is);
      expect(found.first).toBeNull();
      expect(isWrong(found)).toBe(false);
    }
    expect((await compared(three, three.slice(0, 2))).first).toEqual({ id: 'update/3', fields: [] });
  });
});
