/** Taps: typed, bounded, honest about what they lose, and of no consequence for the run. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { bufferCount, firstValueFrom, lastValueFrom, tap as look, map, take, toArray } from 'rxjs';
import type { Lost, Question } from '../../src/index.ts';
import { openRun, openTopics } from '../../src/index.ts';
import { openTransport } from '../../src/open-transport.ts';
import { question, trajectory } from '../records.ts';
import { block, type SmallRun, smallRun } from './small-run.ts';

let small: SmallRun;

beforeEach(async () => {
  small = await smallRun();
});

afterEach(() => small.cleanup());

function questions(count: number, first = 0): Question[] {
  return Array.from({ length: count }, (_, i) => question({ id: `q${first + i}` }));
}

const ids = (records: readonly { readonly id: string }[]) => records.map(({ id }) => id);

describe('where a tap begins and ends', () => {
  test('from the start, an offset, a time or the end; it completes there, or follows', async () => {
    const { run } = small;
    await run.feed('questions', questions(5));
    const until = (options: object) => firstValueFrom(run.tap('questions', options).pipe(toArray()));
    const whole = await firstValueFrom(run.entries('questions', { follow: false }).pipe(toArray()));
    expect(whole.map(({ record, ...place }) => [record.id, place.key, place.offset])).toEqual(
      [0, 1, 2, 3, 4].map((n) => [`q${n}`, `q${n}`, n]),
    );
    expect(ids(await until({ follow: false, from: { offset: 3 } }))).toEqual(['q3', 'q4']);
    expect(ids(await until({ follow: false, from: { time: whole[0]?.time } }))).toHaveLength(5);
    expect(ids(await until({ follow: false, from: { time: Date.now() + 60_000 } }))).toEqual([]);
    expect(ids(await until({ follow: false, from: 'end' }))).toEqual([]);

    const next = firstValueFrom(run.tap('questions', { from: 'end' }).pipe(take(2), toArray()));
    const all = firstValueFrom(run.tap('questions').pipe(take(7), toArray()));
    await run.feed('questions', questions(2, 5));
    expect(ids(await all)).toEqual(ids(questions(7)));
    expect(ids(await next)).toEqual(['q5', 'q6']);
  });

  test('a topic that is not there, or an offset beyond its end, is an error of the Observable', async () => {
    const unknown = small.run.tap('no-such-topic' as 'judged');
    await expect(firstValueFrom(unknown)).rejects.toThrow('no topic "no-such-topic"');
    await expect(firstValueFrom(small.run.tap('judged', { from: { offset: 9 } }))).rejects.toThrow(
      'to 0, found 9',
    );
  });

  test('closing the run completes it; unsubscribing ends the reading', async () => {
    const { run } = small;
    await run.feed('questions', questions(3));
    const ended = lastValueFrom(run.tap('questions').pipe(toArray()));
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      const subscription = run.tap('questions').subscribe(({ id }) => {
        seen.push(id);
        subscription.unsubscribe();
        resolve();
      });
    });
    await run.feed('questions', questions(3, 3));
    await run.close();
    await ended;
    expect(seen).toEqual(['q0']);
  });
});

describe('a subscriber that is slow', () => {
  test('is given all that was there when it came, whatever its buffer', async () => {
    const { run, notes } = small;
    await run.feed('questions', questions(300));
    const slow = run.tap('questions', { buffer: 2 }).pipe(
      look(() => block(0.2)),
      take(300),
      toArray(),
    );
    expect(ids(await firstValueFrom(slow))).toEqual(ids(questions(300)));
    expect(notes).toEqual([]);
  });

  test('loses the oldest of what came after, and is told how many: none is lost in silence', async () => {
    const { run } = small;
    const lost: Lost[] = [];
    const seen: string[] = [];
    const last = 2000;
    const done = new Promise<void>((resolve) => {
      run.tap('questions', { buffer: 10, onLost: (some) => lost.push(some) }).subscribe(({ id }) => {
        seen.push(id);
        block(3);
        if (id === `q${last - 1}`) resolve();
      });
    });
    for (let n = 0; n < last; n += 100) await run.feed('questions', questions(100, n));
    await done;
    const missing = lost.reduce((sum, { count }) => sum + count, 0);
    expect(missing).toBeGreaterThan(0);
    expect(seen.length + missing).toBe(last);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual([...seen].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))));
    expect(lost[0]).toMatchObject({ topic: 'questions', why: 'behind' });
    // What was lost to the tap is in the topic.
    const [{ offsets } = { offsets: [] }] = (await run.topics()).filter(({ name }) => name === 'questions');
    expect(offsets).toEqual([{ start: 0, end: last }]);
  });

  test('is bounded in bytes too; what it loses goes to notify where nobody else listens', async () => {
    const { run, notes } = small;
    const large = (n: number) => question({ id: `q${n}`, text: 'x'.repeat(10_000) });
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      run.tap('questions', { bufferBytes: 30_000 }).subscribe(({ id }) => {
        seen.push(id);
        block(3);
        if (id === 'q99') resolve();
      });
    });
    for (let n = 0; n < 100; n += 10) {
      await run.feed(
        'questions',
        Array.from({ length: 10 }, (_, i) => large(n + i)),
      );
    }
    await done;
    const missing = notes.map((note) => Number(/: (\d+) records/.exec(note)?.[1]));
    expect(missing.length).toBeGreaterThan(0);
    expect(seen.length + missing.reduce((a, b) => a + b, 0)).toBe(100);
  });
});

test('bytes that make no record are told, not delivered', async () => {
  const { run, notes } = small;
  const outside = await openTransport(run.topology, { access: 'write', notify: () => {} });
  const value = Buffer.from('no record');
  await outside.append([{ topic: 'questions', key: 'x', value }]);
  await outside.close();
  await run.feed('questions', questions(1));
  expect(await firstValueFrom(run.tap('questions', { follow: false }).pipe(toArray()))).toHaveLength(1);
  expect(notes).toEqual(['1 entries of questions make no record and were not delivered to a tap']);
});

test('operators of RxJS make what one wants to see: a mean over the last rewards, as the flow goes on', async () => {
  const { run } = small;
  await run.feed(
    'trajectories',
    Array.from({ length: 6 }, (_, n) => trajectory(`q${n}/0`, 1)),
  );
  const means = firstValueFrom(
    run.tap('scored').pipe(
      map(({ reward }) => reward.value),
      bufferCount(10, 1),
      map((values) => values.reduce((a, b) => a + b, 0) / values.length),
      take(3),
      toArray(),
    ),
  );
  const flow = await run.start({ untilDrained: true });
  expect(await flow.end).toBe('drained');
  expect(await means).toEqual([1, 1, 1]);
});

test('topics are opened to look at alone: another process may have the run', async () => {
  const { run } = small;
  await run.feed('questions', questions(2));
  const topics = await openTopics(run.topology);
  expect(ids(await firstValueFrom(topics.tap('questions', { follow: false }).pipe(toArray())))).toEqual([
    'q0',
    'q1',
  ]);
  await topics.close();
  const again = await openRun(run.topology);
  const read: string[] = [];
  for await (const { id } of again.read('questions')) read.push(id);
  expect(read).toEqual(['q0', 'q1']);
  await again.close();
});
