/** How topics are read: backwards in pages, piece by piece, and found by key; on real logs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KeyIndex } from '../../src/watch/key-index.ts';
import { NewestFirst } from '../../src/watch/newest-first.ts';
import { TopicReader } from '../../src/watch/topic-reader.ts';
import { openWatchedRun, type WatchedRun } from '../../src/watch/watched-run.ts';
import { trajectory } from '../records.ts';
import { appendTo, madeTopology } from './made-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-reading-'));
const topology = madeTopology(folder, 'made', { topics: { trajectories: { partitions: 3 } } });
const ids = Array.from({ length: 2100 }, (_, i) => `q${i}/0`);
let run: WatchedRun;

beforeAll(async () => {
  await appendTo(topology, { trajectories: ids.map((id) => trajectory(id, 0)) });
  run = await openWatchedRun(topology, () => {});
});

afterAll(async () => {
  await run.close();
  rmSync(folder, { recursive: true });
});

describe('from the end backwards', () => {
  test('every entry once, those of a partition newest first, however often one begins again', async () => {
    for (const size of [7, 63, 64, 65, 5000]) {
      const seen: { readonly key: string; readonly partition: number; readonly offset: number }[] = [];
      let cursor: readonly number[] | null = null;
      do {
        const reader: NewestFirst = await NewestFirst.open(run, 'trajectories', cursor);
        for (let i = 0; i < size; i++) {
          const entry = await reader.next();
          if (entry !== null) seen.push(entry);
        }
        cursor = reader.cursor();
      } while (cursor !== null);
      expect(seen.map(({ key }) => key).sort()).toEqual([...ids].sort());
      for (const partition of [0, 1, 2]) {
        const offsets = seen.filter((entry) => entry.partition === partition).map(({ offset }) => offset);
        expect(offsets).toEqual([...offsets].sort((a, b) => b - a));
      }
    }
  });

  test('a topic that is not there has nothing', async () => {
    const reader = await NewestFirst.open(run, 'nowhere', null);
    expect([await reader.next(), reader.cursor()]).toEqual([null, null]);
  });
});

describe('piece by piece', () => {
  test('every entry once, what is appended meanwhile too', async () => {
    const seen: string[] = [];
    const reader = new TopicReader(run, 'trajectories', {
      most: Number.POSITIVE_INFINITY,
      take: ({ key }) => void seen.push(key),
    });
    await reader.advance(0);
    expect(reader.isBehind).toBe(true);
    await appendTo(topology, { trajectories: [trajectory('new/0', 0)] });
    while (reader.isBehind) await reader.advance(0);
    await reader.advance(0);
    expect([...seen].sort()).toEqual([...ids, 'new/0'].sort());
    expect(reader.read).toBe(reader.of);
  });

  test('no more than the newest that are asked for', async () => {
    let seen = 0;
    const reader = new TopicReader(run, 'trajectories', { most: 10, take: () => void seen++ });
    await reader.advance(1000);
    expect(seen).toBe(30);
    expect(reader.isBehind).toBe(false);
  });
});

test('the index knows of each key the first and the last offset, like a map', () => {
  const keys = fc.array(fc.tuple(fc.string({ maxLength: 4 }), fc.nat(2 ** 40)), { maxLength: 4000 });
  fc.assert(
    fc.property(keys, (added) => {
      const index = new KeyIndex(1_000_000);
      const known = new Map<string, { partition: number; first: number; last: number }>();
      for (const [key, offset] of added) {
        index.add(key, 7, offset);
        const before = known.get(key) ?? { partition: 7, first: offset, last: offset };
        const [first, last] = [Math.min(before.first, offset), Math.max(before.last, offset)];
        known.set(key, { partition: 7, first, last });
      }
      for (const [key, range] of known) expect(index.find(key)).toEqual(range);
      expect(index.find('not there')).toBeNull();
    }),
    { numRuns: 20 },
  );
});

test('an index that is full keeps what it has and counts the rest', () => {
  const index = new KeyIndex(2000);
  for (let i = 0; i < 3000; i++) index.add(`k${i}`, 0, i);
  expect({ size: index.size, left: index.left }).toEqual({ size: 2000, left: 1000 });
  expect(index.find('k5')).toEqual({ partition: 0, first: 5, last: 5 });
  expect(index.find('k2500')).toBeNull();
});
