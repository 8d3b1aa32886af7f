/** Topics, appending and reading. */
import { describe, expect, test } from '@jest/globals';
import { ConfigError, TransportError } from '../../../src/errors.ts';
import type { ReadOptions } from '../../../src/topics/transport.ts';
import { isCollected } from '../../collected.ts';
import { pause, until } from '../../patience.ts';
import { collect, type Given, output, present, rising, text } from './given.ts';

export function readingContract(given: Given): void {
  describe('topics', () => {
    test('are listed with their partitions', async () => {
      await given.transport.ensureTopics([
        { name: 'a-later-one', partitions: 2 },
        { name: 'in', partitions: 1 },
      ]);
      const topics = await given.transport.topics();
      // The order is that in which they were made only where that is known: Kafka keeps none.
      expect(
        new Map(topics.map(({ name, partitions, offsets }) => [name, [partitions, offsets.length]])),
      ).toEqual(
        new Map([
          ['in', [1, 1]],
          ['out', [1, 1]],
          ['wide', [3, 3]],
          ['a-later-one', [2, 2]],
        ]),
      );
      expect(topics.length).toBe(4);
      expect(given.transport.run).toBe(given.run);
    });

    test('do not get more partitions by a declaration', async () => {
      await expect(given.transport.ensureTopics([{ name: 'wide', partitions: 4 }])).rejects.toThrow(
        ConfigError,
      );
      expect((await given.transport.topics()).find((topic) => topic.name === 'wide')?.partitions).toBe(3);
    });

    test('that do not exist are an error that names them', async () => {
      const append = given.transport.append([output('in', 'k', 'v'), output('nowhere', 'k', 'v')]);
      await expect(append).rejects.toThrow(TransportError);
      await expect(append).rejects.toThrow(/nowhere/);
      await expect(collect(given.transport, 'nowhere', 1)).rejects.toThrow(/nowhere/);
      await expect(given.own('g', 'nowhere')).rejects.toThrow(/nowhere/);
      await expect(given.transport.committed('g', 'nowhere')).rejects.toThrow(/nowhere/);
      await expect(given.transport.topics('no-such-run')).rejects.toThrow(/no-such-run/);
      await given.transport.append([output('in', 'k', 'only this')]);
      expect((await collect(given.transport, 'in', 1)).map(text)).toEqual(['only this']);
      expect(await present(given.transport, 'in')).toBe(1);
    });
  });

  describe('append and read', () => {
    test('who follows keeps nothing of what was read', async () => {
      const { signal } = given.over;
      const entries = given.transport.read('in', { follow: true, signal })[Symbol.asyncIterator]();
      const next = async (value: string) => {
        await given.transport.append([output('in', 'k', value)]);
        return (await entries.next()).value as object;
      };
      const first = isCollected(async () => {
        const read = await next('first');
        await next('second');
        return read;
      });
      expect(await first).toBe(true);
      given.over.abort();
      await entries.return?.();
    });

    test('gives back keys and bytes as they were, in order, with rising offsets and times', async () => {
      const long = Buffer.alloc(700_000, 0xa5);
      const values = [Buffer.from('one'), Buffer.alloc(0), Buffer.from([0, 255, 10, 13]), long];
      await given.transport.append(values.map((value, i) => ({ topic: 'in', key: `q/ä😀/${i}`, value })));
      await given.transport.append([]);
      const entries = await collect(given.transport, 'in', values.length);
      expect(entries.map((entry) => Buffer.compare(entry.value, values[entries.indexOf(entry)]))).toEqual([
        0, 0, 0, 0,
      ]);
      expect(entries.map((entry) => entry.key)).toEqual(values.map((_, i) => `q/ä😀/${i}`));
      expect(entries.every((entry) => entry.topic === 'in' && entry.partition === 0)).toBe(true);
      expect(rising(entries.map((entry) => entry.offset))).toBe(true);
      expect(entries.every((entry, i) => i === 0 || entry.time >= entries[i - 1].time)).toBe(true);
    });

    test('keeps the records of a key together and in order', async () => {
      const sent = Array.from({ length: 120 }, (_, i) => output('wide', `q${i % 17}`, `${i}`));
      for (let at = 0; at < sent.length; at += 7) await given.transport.append(sent.slice(at, at + 7));
      const entries = await collect(given.transport, 'wide', sent.length);
      const partitions = new Map<string, Set<number>>();
      for (const { key, partition } of entries) {
        partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
      }
      expect([...partitions.values()].every((set) => set.size === 1)).toBe(true);
      expect(new Set([...partitions.values()].flatMap((set) => [...set])).size).toBe(3);
      for (const key of partitions.keys()) {
        const got = entries.filter((entry) => entry.key === key).map(text);
        expect(got).toEqual(
          sent.filter((one) => one.key === key).map((one) => Buffer.from(one.value).toString()),
        );
      }
    });

    test('starts at the start, the end, an offset or a time, on one partition or all', async () => {
      const values = ['a', 'b', 'c', 'd', 'e'];
      for (const value of values) {
        await given.transport.append([output('in', 'k', value)]);
        await pause(3);
      }
      const all = await collect(given.transport, 'in', values.length);
      const from = async (options: ReadOptions): Promise<string[]> =>
        (await collect(given.transport, 'in', Number.POSITIVE_INFINITY, options)).map(text);
      expect(await from({})).toEqual(values);
      expect(await from({ from: 'end' })).toEqual([]);
      for (const [i, entry] of all.entries()) {
        expect(await from({ from: { offset: entry.offset }, partition: 0 })).toEqual(values.slice(i));
        for (const limit of [0, 1, 2]) {
          const some = await from({ from: { offset: entry.offset }, partition: 0, limit });
          expect(some).toEqual(values.slice(i, i + limit));
        }
        const first = all.findIndex((other) => other.time >= entry.time);
        expect(await from({ from: { time: entry.time } })).toEqual(values.slice(first));
        expect(await from({ from: { time: entry.time + 0.5 } })).toEqual(
          values.slice(all.filter((other) => other.time < entry.time + 0.5).length),
        );
      }
      expect(await from({ from: { time: 0 } })).toEqual(values);
      await expect(from({ partition: 1 })).rejects.toThrow(TransportError);
    });

    test('stops at the end as it was when the reading began', async () => {
      await given.transport.append([output('in', 'k', 'a'), output('in', 'k', 'b')]);
      await collect(given.transport, 'in', 2);
      const seen: string[] = [];
      for await (const entry of given.transport.read('in')) {
        if (seen.push(text(entry)) === 1) await given.transport.append([output('in', 'k', 'later')]);
      }
      expect(seen).toEqual(['a', 'b']);
    });

    test('follows what is appended, until the signal aborts', async () => {
      await given.transport.append([output('in', 'k', 'old')]);
      const stop = new AbortController();
      const seen: string[] = [];
      const reading = (async () => {
        for await (const entry of given.transport.read('in', { follow: true, signal: stop.signal }))
          seen.push(text(entry));
      })();
      await until('the record that was there', () => seen.length === 1);
      await given.transport.append([output('in', 'k', 'new'), output('in', 'k', 'newer')]);
      await until('the records that were appended', () => seen.length === 3);
      stop.abort();
      await reading;
      await given.transport.append([output('in', 'k', 'unseen')]);
      expect(seen).toEqual(['old', 'new', 'newer']);
      for await (const entry of given.transport.read('in', { signal: stop.signal })) seen.push(text(entry));
      expect(seen.length).toBe(3);
    });

    test('follows from the end, and many readers at once', async () => {
      await given.transport.append([output('in', 'k', 'old')]);
      await collect(given.transport, 'in', 1);
      const stop = new AbortController();
      const readers = Array.from({ length: 4 }, async () => {
        for await (const entry of given.transport.read('in', {
          from: 'end',
          follow: true,
          signal: stop.signal,
        })) {
          if (text(entry) === 'last') return true;
          expect(text(entry)).not.toBe('old');
        }
        return false;
      });
      // A reader at the end sees nothing of what came before it; send until all have seen one.
      const done = Promise.all(readers);
      let settled = false;
      void done.then(() => {
        settled = true;
      });
      while (!settled) {
        await given.transport.append([output('in', 'k', 'last')]);
        await pause(20);
      }
      expect(await done).toEqual([true, true, true, true]);
      stop.abort();
    });
  });
}
