/** Answers in a folder: found again by any process, bounded, and never wrong. */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AnswerCache, cacheFigures, clearCache, requestHash } from '../../src/spending/answer-cache.ts';

let folder: string;
let notes: string[];
const opened: AnswerCache[] = [];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'swirl-answers-')), 'answers');
  notes = [];
});
afterEach(() => {
  for (const cache of opened.splice(0)) cache.close();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

const notify = (message: string) => void notes.push(message);

function open(maxBytes = 2 ** 30): AnswerCache {
  const cache = AnswerCache.open({ folder, maxBytes, notify });
  opened.push(cache);
  return cache;
}

function reopened(maxBytes?: number): AnswerCache {
  for (const cache of opened.splice(0)) cache.close();
  return open(maxBytes);
}

const hashOf = (n: number) => requestHash({ n });

describe('the name of a request', () => {
  test('is of what it says, in whatever order', () => {
    expect(requestHash({ a: 1, b: { c: [1, 2], d: null } })).toEqual(
      requestHash({ b: { d: null, c: [1, 2] }, a: 1 }),
    );
    const others = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: null }, { b: 1 }, { a: 1, b: 1 }, { a: { a: 1 } }];
    expect(new Set(others.map((one) => requestHash(one).toString('hex'))).size).toBe(others.length);
    expect(requestHash({ a: [1, 2] })).not.toEqual(requestHash({ a: [2, 1] }));
  });
});

describe('an answer', () => {
  test('is there again, also for who opens the folder later', async () => {
    const cache = open();
    expect(cache.get(hashOf(1))).toBeNull();
    await cache.put(hashOf(1), 'Grüße \ud83d\ude00');
    await cache.put(hashOf(2), '');
    expect([1, 2, 3].map((n) => cache.get(hashOf(n)))).toEqual(['Grüße \ud83d\ude00', '', null]);
    const again = reopened();
    expect([1, 2, 3].map((n) => again.get(hashOf(n)))).toEqual(['Grüße \ud83d\ude00', '', null]);
    expect(cacheFigures(folder)?.answers).toBe(2);
  });

  test('that came first stays, and can be dropped', async () => {
    const cache = open();
    await Promise.all([cache.put(hashOf(1), 'first'), cache.put(hashOf(1), 'second')]);
    expect(cache.get(hashOf(1))).toBe('first');
    await cache.drop(hashOf(1));
    expect(cache.get(hashOf(1))).toBeNull();
    expect(cache.figures()).toEqual({ answers: 0, bytes: 0 });
    await cache.put(hashOf(1), 'third');
    expect(cache.get(hashOf(1))).toBe('third');
  });
});

test.each([
  ['small', 300],
  ['large', 9000],
])('with %s answers the folder stays within its bound, and the oldest go first', async (_, length) => {
  const most = 4 * 2 ** 20;
  const cache = open(most);
  const count = Math.ceil((3 * most) / length);
  for (let n = 0; n < count; n++) {
    // As they come: a few in one transaction.
    const put = cache.put(hashOf(n), `${n} ${'x'.repeat(length)}`);
    if (n % 4 === 3) await put;
  }
  await cache.put(hashOf(count), 'last');
  expect(statSync(join(folder, 'data.mdb')).size).toBeLessThanOrEqual(most);
  const there = Array.from({ length: count }, (_, n) => cache.get(hashOf(n)) !== null);
  const oldest = there.indexOf(true);
  expect(oldest).toBeGreaterThan(0);
  expect(there.slice(oldest).every(Boolean)).toBe(true);
  expect(cache.figures().answers).toBe(count + 1 - oldest);
  // It is not wasteful either.
  expect(cache.figures().bytes).toBeGreaterThan(most / 2);
  expect(cache.get(hashOf(count))).toBe('last');
  await cache.put(hashOf(count + 1), 'y'.repeat(most));
  expect(cache.get(hashOf(count + 1))).toBeNull();
});

describe('damage', () => {
  test('of an answer is a miss that is told, and the others stay', async () => {
    const cache = open();
    for (let n = 0; n < 100; n++) await cache.put(hashOf(n), `the answer number ${n}, unmistakably`);
    reopened().close();
    opened.splice(0);
    const file = join(folder, 'data.mdb');
    const bytes = readFileSync(file);
    const places: number[] = [];
    for (
      let at = bytes.indexOf('the answer number 42,');
      at >= 0;
      at = bytes.indexOf('the answer number 42,', at + 1)
    )
      places.push(at);
    expect(places.length).toBeGreaterThan(0);
    const fd = openSync(file, 'r+');
    for (const at of places) writeSync(fd, '7', at + 'the answer number '.length);
    closeSync(fd);
    const again = open();
    expect(again.get(hashOf(42))).toBeNull();
    expect(notes.filter((note) => note.includes('is damaged (checksum)'))).toHaveLength(1);
    for (let n = 0; n < 100; n++)
      if (n !== 42) expect(again.get(hashOf(n))).toBe(`the answer number ${n}, unmistakably`);
    await again.put(hashOf(42), 'anew');
    expect(again.get(hashOf(42))).toBe('anew');
  });

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, 9000)],
    ['overwritten', (bytes: Buffer) => Buffer.alloc(bytes.length, 0xa5)],
    ['empty', () => Buffer.alloc(0)],
  ])('of a file that is %s sets it aside, and all are misses', async (_, damage) => {
    const cache = open();
    for (let n = 0; n < 100; n++) await cache.put(hashOf(n), `the answer number ${n}`);
    reopened().close();
    opened.splice(0);
    const file = join(folder, 'data.mdb');
    writeFileSync(file, damage(readFileSync(file)));
    const again = open();
    expect(notes).toEqual([expect.stringMatching(/is damaged .* set aside as .*answers\.damaged/)]);
    for (let n = 0; n < 100; n++) expect(again.get(hashOf(n))).toBeNull();
    await again.put(hashOf(1), 'anew');
    expect(again.get(hashOf(1))).toBe('anew');
  });

  test('is not what a folder of something else is', async () => {
    rmSync(folder, { recursive: true, force: true });
    writeFileSync(join(folder, '..', 'file'), '');
    expect(() => AnswerCache.open({ folder: join(folder, '..'), maxBytes: 2 ** 30, notify })).toThrow(
      /expected an empty folder, or none/,
    );
  });
});

test('what is cleared is gone, and what it was is told', async () => {
  const cache = open();
  await cache.put(hashOf(1), 'x');
  cache.close();
  opened.splice(0);
  expect(clearCache(folder)?.answers).toBe(1);
  expect(cacheFigures(folder)).toBeNull();
  expect(clearCache(folder)).toBeNull();
});
