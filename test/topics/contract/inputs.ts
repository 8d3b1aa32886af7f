/** Input partitions and commits. */
import { describe, expect, test } from '@jest/globals';
import { TransportError } from '../../../src/errors.ts';
import { isCollected } from '../../collected.ts';
import { PATIENCE_MS, pause, until } from '../../patience.ts';
import { collect, type Given, offsetAfter, output, present, pullCount, text } from './given.ts';

export function inputContract(given: Given): void {
  describe('an input partition', () => {
    test('gives no more than was asked for, in order, and nothing twice', async () => {
      await given.transport.append(Array.from({ length: 25 }, (_, i) => output('in', 'k', `${i}`)));
      const input = await given.own('g');
      const seen: string[] = [];
      while (seen.length < 25) {
        const entries = await input.pull(4, PATIENCE_MS);
        expect(entries.length).toBeGreaterThan(0);
        expect(entries.length).toBeLessThanOrEqual(4);
        seen.push(...entries.map(text));
        expect(input.position).toBeGreaterThan(entries[entries.length - 1].offset);
      }
      expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `${i}`));
      expect(await input.pull(4, 0)).toEqual([]);
      expect(await input.pull(4, 30)).toEqual([]);
      expect(await input.pull(0, 30)).toEqual([]);
      expect(await input.end()).toBeGreaterThanOrEqual(input.position);
      expect(await given.transport.committed('g', 'in')).toEqual([0]);
    });

    test('keeps nothing of what was pulled, once more is', async () => {
      const input = await given.own('g');
      const pull = async (value: string) => {
        await given.transport.append([output('in', 'k', value)]);
        return (await pullCount(input, 1))[0];
      };
      const first = isCollected(async () => {
        const pulled = await pull('first');
        await pull('second');
        return pulled;
      });
      expect(await first).toBe(true);
      expect(await input.pull(1, 0)).toEqual([]);
    });

    test('waits for the first record', async () => {
      const input = await given.own('g');
      const pulled = input.pull(5, PATIENCE_MS);
      await given.transport.append([output('in', 'k', 'here')]);
      expect((await pulled).map(text)).toEqual(['here']);
    });

    test('goes back and forth by seeking, which commits nothing', async () => {
      await given.transport.append(Array.from({ length: 6 }, (_, i) => output('in', 'k', `${i}`)));
      const input = await given.own('g');
      const all = await pullCount(input, 6);
      input.seek(all[2].offset);
      expect(input.position).toBe(all[2].offset);
      expect((await pullCount(input, 4)).map(text)).toEqual(['2', '3', '4', '5']);
      input.seek(all[5].offset);
      expect((await pullCount(input, 1)).map(text)).toEqual(['5']);
      expect(await given.transport.committed('g', 'in')).toEqual([0]);
    });

    test('covers every partition of its topic', async () => {
      const sent = Array.from({ length: 30 }, (_, i) => output('wide', `q${i}`, `${i}`));
      await given.transport.append(sent);
      const seen: string[] = [];
      const partitions: number[] = [];
      const reading: Promise<void>[] = [];
      for await (const input of given.transport.subscribe({
        group: 'g',
        topic: 'wide',
        signal: given.over.signal,
      })) {
        partitions.push(input.partition);
        reading.push(
          (async () => {
            while (!given.over.signal.aborted) seen.push(...(await input.pull(3, 50)).map(text));
          })(),
        );
        if (partitions.length === 3) break;
      }
      await until('the records of all partitions', () => seen.length === 30);
      given.over.abort();
      await Promise.all(reading);
      expect(partitions.sort()).toEqual([0, 1, 2]);
      expect(seen.map(Number).sort((a, b) => a - b)).toEqual(sent.map((_, i) => i));
    });

    test('ends with its signal: pulls return nothing, and what is in hand can still be committed', async () => {
      await given.transport.append([output('in', 'k', 'a'), output('in', 'k', 'b')]);
      const input = await given.own('g');
      const [first] = await pullCount(input, 1);
      const waiting = (async () => {
        input.seek(await input.end());
        return input.pull(5, PATIENCE_MS);
      })();
      await pause(20);
      given.over.abort();
      expect(await waiting).toEqual([]);
      input.seek(0);
      expect(await input.pull(5, PATIENCE_MS)).toEqual([]);
      await input.commit(offsetAfter(first), [output('out', 'k', 'A')]);
      expect(await given.transport.committed('g', 'in')).toEqual([offsetAfter(first)]);
      for await (const _ of given.transport.subscribe({
        group: 'g',
        topic: 'in',
        signal: given.over.signal,
      })) {
        throw new Error('a partition came although the signal had aborted');
      }
    });
  });

  describe('a commit', () => {
    test('appends the outputs and sets the progress, and both are there for a new process', async () => {
      await given.transport.append(Array.from({ length: 5 }, (_, i) => output('in', 'k', `${i}`)));
      const input = await given.own('g');
      const entries = await pullCount(input, 3);
      await input.commit(offsetAfter(entries[1]), [output('out', 'k', 'x'), output('wide', 'k', 'y')]);
      await input.commit(offsetAfter(entries[2]), []);
      given.over.abort();
      await given.transport.close();
      given.over = new AbortController();
      given.transport = await given.fixture.open(given.run);
      expect(await given.transport.committed('g', 'in')).toEqual([offsetAfter(entries[2])]);
      expect((await collect(given.transport, 'out', 1)).map(text)).toEqual(['x']);
      expect((await collect(given.transport, 'wide', 1)).map(text)).toEqual(['y']);
      const again = await given.own('g');
      expect(again.position).toBe(offsetAfter(entries[2]));
      expect((await pullCount(again, 2)).map(text)).toEqual(['3', '4']);
    });

    test('that fails does neither', async () => {
      await given.transport.append([output('in', 'k', 'a')]);
      const input = await given.own('g');
      const [entry] = await pullCount(input, 1);
      const commit = input.commit(offsetAfter(entry), [
        output('out', 'k', 'lost'),
        output('nowhere', 'k', 'v'),
      ]);
      await expect(commit).rejects.toThrow(TransportError);
      expect(await given.transport.committed('g', 'in')).toEqual([0]);
      await input.commit(offsetAfter(entry), [output('out', 'k', 'kept')]);
      expect((await collect(given.transport, 'out', 1)).map(text)).toEqual(['kept']);
      expect(await present(given.transport, 'out')).toBe(1);
    });

    test('may append to its own input', async () => {
      await given.transport.append([output('in', 'k', '3')]);
      const input = await given.own('g');
      const seen: string[] = [];
      for (let left = 4; left > 0; left--) {
        const [entry] = await pullCount(input, 1);
        seen.push(text(entry));
        const next = Number(text(entry)) - 1;
        await input.commit(offsetAfter(entry), next < 0 ? [] : [output('in', 'k', `${next}`)]);
      }
      expect(seen).toEqual(['3', '2', '1', '0']);
    });

    test('of one group is nothing to another, nor to a reader', async () => {
      await given.transport.append([output('in', 'k', 'a'), output('in', 'k', 'b')]);
      const [one, two] = [await given.own('one'), await given.own('two')];
      const entries = await pullCount(one, 2);
      await one.commit(offsetAfter(entries[1]), []);
      expect(await given.transport.committed('two', 'in')).toEqual([0]);
      expect((await pullCount(two, 2)).map(text)).toEqual(['a', 'b']);
      expect((await collect(given.transport, 'in', 2)).map(text)).toEqual(['a', 'b']);
      expect(await given.transport.committed('two', 'in')).toEqual([0]);
      expect(await given.transport.committed('never-seen', 'wide')).toEqual([0, 0, 0]);
    });

    test('from many partitions at once keeps each whole', async () => {
      const sent = Array.from({ length: 60 }, (_, i) => output('wide', `q${i}`, `${i}`));
      await given.transport.append(sent);
      const working: Promise<void>[] = [];
      let done = 0;
      for await (const input of given.transport.subscribe({
        group: 'g',
        topic: 'wide',
        signal: given.over.signal,
      })) {
        working.push(
          (async () => {
            while (done < sent.length) {
              const entries = await input.pull(3, 50);
              if (entries.length === 0) continue;
              const outputs = entries.flatMap((e) => [
                output('out', e.key, text(e)),
                output('in', e.key, text(e)),
              ]);
              await input.commit(offsetAfter(entries.at(-1)), outputs);
              done += entries.length;
            }
          })(),
        );
        if (working.length === 3) break;
      }
      await Promise.all(working);
      expect(done).toBe(60);
      for (const topic of ['out', 'in']) {
        const got = (await collect(given.transport, topic, 60)).map(text).map(Number);
        expect([...got].sort((a, b) => a - b)).toEqual(sent.map((_, i) => i));
      }
    });
  });
}
