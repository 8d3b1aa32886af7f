/** A run as a file: there and back it is the same run, and no changed byte of the file is taken for what was written. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import avro from 'avsc';
import fc from 'fast-check';
import { DataError } from '../../src/errors.ts';
import { importRun } from '../../src/run-file/import-run.ts';
import { takeLock } from '../../src/tools/search/building-lock.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { contents, recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = (extension: string) =>
  fileURLToPath(new URL(`../fixtures/recorded/before-modules.${extension}`, import.meta.url));
const hashes = JSON.parse(readFileSync(fixture('json'), 'utf8')) as { readonly main: readonly string[] };

let place: Workplace;

beforeAll(async () => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture('tar.gz')], { cwd: place.folder }).status).toBe(0);
  expect(await place.swirl(['export', 'main', 'main.tar'])).toMatchObject({ code: 0 });
  const csv = await place.swirl(['export', 'main', 'main.csv']);
  expect(csv).toMatchObject({ code: 2, stderr: expect.stringContaining('ends with .tar for the run') });
});
afterAll(() => place.remove());

function imported(file: string, folder: string) {
  const work = { set: [], signal: new AbortController().signal, notify: () => {} };
  return importRun({ file: place.path(file), folder: place.path(folder), ...work });
}

test('an imported run has every record at its place, and a replay of it gives the same weights', async () => {
  expect(await place.swirl(['import', 'main.tar', '--folder', 'moved'])).toMatchObject({ code: 0 });
  expect(await contents(place.path('moved'), 'main')).toEqual(await contents(place.path('runs'), 'main'));
  expect(await place.swirl(['verify', 'main', '--folder', 'moved'])).toMatchObject({ code: 0 });
  const as = ['--from', 'scored', '--as', 'again', '--folder', 'moved'];
  const set = setting(`policy.checkpoint=${place.path('policy')}`);
  expect(await place.swirl(['replay', '--run', 'main', ...as, ...set])).toMatchObject({ code: 0 });
  const updates = await recordsOf(place.path('moved'), 'again', 'updates');
  expect(updates.map(({ weightsHash }) => weightsHash)).toEqual(hashes.main);
  const [kept, now] = ['runs', 'moved'].map((folder) => place.path(folder, 'main', 'checkpoints', 'step-6'));
  for (const name of readdirSync(kept as string))
    expect(readFileSync(join(now as string, name))).toEqual(readFileSync(join(kept as string, name)));
});

test('exported again it is the same file, to the byte; a run that is there, and a file, are not replaced', async () => {
  mkdirSync(place.path('one'));
  await imported('main.tar', 'one');
  expect(await place.swirl(['export', 'main', 'first.tar', '--folder', 'one'])).toMatchObject({ code: 0 });
  expect(await place.swirl(['runs', 'delete', 'main', '--yes', '--folder', 'one'])).toMatchObject({
    code: 0,
  });
  await imported('first.tar', 'one');
  expect(await place.swirl(['export', 'main', 'second.tar', '--folder', 'one'])).toMatchObject({ code: 0 });
  expect(readFileSync(place.path('second.tar')).equals(readFileSync(place.path('first.tar')))).toBe(true);
  await expect(imported('first.tar', 'one')).rejects.toThrow('already');
  expect(await place.swirl(['export', 'main', 'first.tar'])).toMatchObject({ code: 2 });
  expect(readdirSync(place.path('one'))).toEqual(['main']);
});

test('what an import that was killed left is deleted by the next; of two at once the second is refused', async () => {
  const folder = place.path('left');
  const aside = join(folder, '.import-main');
  const half = join(aside, 'main', 'log');
  const deleted = join(folder, '..import-main.deleted-5b0b9f5e-8f9c-4d6c-9a53-3d1f0c0f4d1a');
  for (const made of [half, deleted]) mkdirSync(made, { recursive: true });
  writeFileSync(join(half, 'data.mdb'), 'half of it');
  const lock = takeLock(aside);
  await expect(imported('main.tar', 'left')).rejects.toThrow(/process \d+ is importing the run main into/);
  expect(existsSync(half)).toBe(true);
  if (typeof lock === 'string') throw new Error(lock);
  lock.release();
  // Killed while it took the lock: its name was never written.
  const unnamed = join(aside, 'lock-2');
  writeFileSync(unnamed, '');
  await expect(imported('main.tar', 'left')).rejects.toThrow('another process is importing');
  utimesSync(unnamed, 0, 0);
  expect(await imported('main.tar', 'left')).toMatchObject({ run: 'main' });
  expect(readdirSync(folder)).toEqual(['main']);
  expect(await contents(folder, 'main')).toEqual(await contents(place.path('runs'), 'main'));
});

test('any tar unpacks it, and any reader of Avro its records', async () => {
  mkdirSync(place.path('unpacked'));
  expect(spawnSync('tar', ['-xf', '../main.tar'], { cwd: place.path('unpacked') }).status).toBe(0);
  const all = await contents(place.path('runs'), 'main');
  for (const topic of TOPICS) {
    const folder = place.path('unpacked', 'topics', topic, '0');
    const found: string[] = [];
    for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
      const decoder = new avro.streams.BlockDecoder();
      const entries = Readable.from([readFileSync(join(folder, name))]).pipe(decoder);
      for await (const { offset, key, value } of entries as AsyncIterable<{
        readonly offset: number;
        readonly key: string;
        readonly value: Buffer;
      }>)
        found.push(`${topic === 'failures' ? '' : `0:${offset} `}${key} ${value.toString('base64')}`);
    }
    expect(topic === 'failures' ? found.sort() : found).toEqual(all[topic]);
  }
});

test('whatever bit is changed, and wherever it is cut off: nothing is imported, and the place is named', async () => {
  const whole = readFileSync(place.path('main.tar'));
  const tried = async (bytes: Buffer) => {
    writeFileSync(place.path('bad.tar'), bytes);
    const error = await imported('bad.tar', 'none').then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toMatch(/bad\.tar is (damaged: .*byte|not a file of `swirl export`)/s);
    expect(existsSync(place.path('none'))).toBe(false);
  };
  const bit = fc.nat({ max: 8 * whole.length - 1 });
  await fc.assert(
    fc.asyncProperty(bit, async (at) => {
      const bytes = Buffer.from(whole);
      bytes[at >> 3] = (bytes[at >> 3] as number) ^ (1 << (at & 7));
      await tried(bytes);
    }),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: whole.length - 1 }), (length) => tried(whole.subarray(0, length))),
    { numRuns: 50 },
  );
});

test('a run that is open is not exported', async () => {
  copyFileSync(place.path('main.tar'), place.path('open.tar'));
  mkdirSync(place.path('open'));
  await imported('open.tar', 'open');
  const { openTransport } = await import('../../src/open-transport.ts');
  const { keptTopology } = await import('../../src/topology/kept.ts');
  const topology = keptTopology(place.path('open'), 'main');
  const transport = await openTransport(topology, { access: 'write', notify: () => {} });
  const signal = new AbortController().signal;
  for await (const _ of transport.subscribe({ group: 'reward', topic: 'accepted', signal })) break;
  const { code, stderr } = await place.swirl(['export', 'main', 'half.tar', '--folder', 'open']);
  await transport.close();
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('is open') });
  expect(existsSync(place.path('half.tar'))).toBe(false);
});
