/** The runs of a folder: listed with what they hold, and deleted when nothing needs them. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openTransport } from '../../src/open-transport.ts';
import type { BrokenRun, RunFigures } from '../../src/run-file/list-runs.ts';
import { keptTopology } from '../../src/topology/kept.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

let place: Workplace;

beforeAll(async () => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
  const replay = ['replay', '--run', 'main', '--from', 'scored', '--as', 'again'];
  const moved = setting(`policy.checkpoint=${place.path('policy')}`);
  expect(await place.swirl([...replay, ...moved])).toMatchObject({ code: 0 });
});
afterAll(() => place.remove());

async function listed(): Promise<ReadonlyMap<string, RunFigures & Partial<BrokenRun>>> {
  const { code, stdout } = await place.swirl(['runs', '--json']);
  expect(code).toBe(0);
  const runs = JSON.parse(stdout) as (RunFigures & Partial<BrokenRun>)[];
  return new Map(runs.map((run) => [run.name, run]));
}

test('each is told with its records, its last update and what it replays; a damaged one does not hide the others', async () => {
  writeFileSync(place.path('runs', 'killed', 'log', 'data.mdb'), 'nothing of LMDB');
  const runs = await listed();
  expect([...runs.keys()].sort()).toEqual(readdirSync(place.path('runs')).sort());
  for (const name of ['main', 'again']) {
    const updates = await recordsOf(place.path('runs'), name, 'updates');
    const { step, weightsHash, meanReward } = updates.at(-1) ?? {};
    expect(runs.get(name)?.update).toEqual({ step, weightsHash, meanReward });
    const counts = await Promise.all(
      TOPICS.map(
        async (topic) => [topic, (await recordsOf(place.path('runs'), name, topic)).length] as const,
      ),
    );
    expect(runs.get(name)?.records).toEqual(Object.fromEntries(counts.filter(([, count]) => count > 0)));
  }
  expect(runs.get('main')?.source).toBeNull();
  expect(runs.get('again')?.source).toEqual({ run: 'main', topic: 'scored' });
  expect(runs.get('killed')?.error).toMatch(/damaged/);
  const { stdout } = await place.swirl(['runs']);
  expect(stdout).toMatch(/^main .*\n {2}again /m);
});

test('a run in which others have their policy stays too; all of those that need it are counted', async () => {
  const checkpoint = place.path('runs', 'again', 'checkpoints');
  const [step = ''] = readdirSync(checkpoint);
  const feed = [
    'feed',
    'questions.jsonl',
    '--run',
    'user',
    ...setting(`policy.checkpoint=${checkpoint}/${step}`),
  ];
  expect(await place.swirl(feed)).toMatchObject({ code: 0 });
  const refused = await place.swirl(['runs', 'delete', 'again', '--yes']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(`user has a policy or another file in it (again/checkpoints/${step})`);
  const copies = [1, 2, 3, 4, 5, 6].map((n) => `again-${n}`);
  for (const name of copies) {
    mkdirSync(place.path('runs', name));
    const file = 'topology.resolved.yaml';
    copyFileSync(place.path('runs', 'again', file), place.path('runs', name, file));
  }
  const { stderr } = await place.swirl(['runs', 'delete', 'main', '--yes']);
  expect(stderr).toContain('again, again-1, again-2, again-3, again-4 and 3 more replay it');
  for (const name of [...copies, 'user']) rmSync(place.path('runs', name), { recursive: true });
});

test('what is replayed, open, or not confirmed stays; what is deleted is gone, and nothing else', async () => {
  const remove = (...args: string[]) => place.swirl(['runs', 'delete', ...args]);
  expect(await remove('mian', '--yes')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean main'),
  });
  expect(await remove('main', '--yes')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('again, killed-lora replay it'),
  });
  expect(await remove('again')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });

  const over = new AbortController();
  const transport = await openTransport(keptTopology(place.path('runs'), 'again'), {
    access: 'write',
    notify: () => {},
  });
  const subscribed = transport.subscribe({ group: 'somebody', topic: 'updates', signal: over.signal });
  const inputs = subscribed[Symbol.asyncIterator]();
  await inputs.next();
  expect(await remove('again', '--yes')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${process.pid}`),
  });
  over.abort();
  await inputs.next();
  await transport.close();

  expect(await remove('again', '--yes')).toMatchObject({ code: 0 });
  expect(existsSync(place.path('runs', 'again'))).toBe(false);
  expect(readdirSync(place.path('runs')).filter((name) => name.startsWith('.'))).toEqual([]);
  expect((await listed()).has('main')).toBe(true);
  // Killed in the middle, the same command ends it.
  mkdirSync(place.path('runs', '.again.deleted-5b0b9f5e-8f9c-4d6c-9a53-3d1f0c0f4d1a', 'log'), {
    recursive: true,
  });
  expect(await remove('again', '--yes')).toMatchObject({ code: 0 });
  expect(readdirSync(place.path('runs')).filter((name) => name.startsWith('.'))).toEqual([]);
  expect(await remove('main', '--yes', '--force')).toMatchObject({ code: 0 });
  expect([...(await listed()).keys()].sort()).toEqual(['killed', 'killed-lora']);
});
