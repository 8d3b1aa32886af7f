/** Owners, other runs, closing. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TransportError } from '../../../src/errors.ts';
import { PATIENCE_MS, pause, until } from '../../patience.ts';
import { collect, type Given, offsetAfter, output, present, pullCount, text } from './given.ts';

export function ownerContract(given: Given): void {
  describe('a later owner', () => {
    test('fences the earlier one, and begins at what was committed', async () => {
      await given.transport.append([output('in', 'k', 'a'), output('in', 'k', 'b'), output('in', 'k', 'c')]);
      const hanging = await given.own('g');
      const entries = await pullCount(hanging, 2);
      await hanging.commit(offsetAfter(entries[0]), [output('out', 'k', 'A')]);
      expect(hanging.lost.aborted).toBe(false);

      const second = await given.fixture.open(given.run);
      const owner = await given.own('g', 'in', second);
      expect(owner.position).toBe(offsetAfter(entries[0]));
      const commit = hanging.commit(offsetAfter(entries[1]), [output('out', 'k', 'B, but too late')]);
      await expect(commit).rejects.toThrow(TransportError);
      await until('the earlier owner to notice', () => hanging.lost.aborted);
      expect(await hanging.pull(1, 100)).toEqual([]);

      const [again] = await pullCount(owner, 1);
      expect(text(again)).toBe('b');
      await owner.commit(offsetAfter(again), [output('out', 'k', 'B')]);
      expect((await collect(second, 'out', 2)).map(text)).toEqual(['A', 'B']);
      expect(owner.lost.aborted).toBe(false);
    });

    test('is noticed by an earlier one that does nothing', async () => {
      const hanging = await given.own('g');
      const other = await given.own('another-group');
      const second = await given.fixture.open(given.run);
      await given.own('g', 'in', second);
      await until('the earlier owner to notice', () => hanging.lost.aborted);
      expect(other.lost.aborted).toBe(false);
    });
  });

  test('who consumes is told, until they end', async () => {
    expect(await given.transport.workers()).toEqual([]);
    const second = await given.fixture.open(given.run);
    await given.own('g', 'in', second);
    const other = await given.fixture.open(`${given.run}-other`);
    await other.ensureTopics([{ name: 'in', partitions: 1 }]);
    expect(await other.workers()).toEqual([]);
    expect(await given.transport.workers()).toHaveLength(1);
    given.over.abort();
    await second.close();
    await until('the workers to be gone', async () => (await given.transport.workers()).length === 0);
  });

  describe('another run', () => {
    test('is read and consumed, and nothing is written to it', async () => {
      await given.transport.append([output('in', 'k', 'a'), output('in', 'k', 'b')]);
      await collect(given.transport, 'in', 2);
      const replay = await given.fixture.open(`${given.run}-replay`);
      await replay.ensureTopics([
        { name: 'in', partitions: 2 },
        { name: 'out', partitions: 1 },
      ]);
      expect((await replay.topics(given.run)).map((topic) => topic.name)).toEqual(['in', 'out', 'wide']);
      expect((await collect(replay, 'in', 2, { run: given.run })).map(text)).toEqual(['a', 'b']);

      const input = await given.own('g', 'in', replay, given.run);
      const entries = await pullCount(input, 2);
      expect(entries.map(text)).toEqual(['a', 'b']);
      await input.commit(offsetAfter(entries[0]), [output('out', 'k', 'A')]);

      expect(await replay.committed('g', 'in', given.run)).toEqual([offsetAfter(entries[0])]);
      expect(await replay.committed('g', 'in')).toEqual([0, 0]);
      expect(await given.transport.committed('g', 'in')).toEqual([0]);
      expect((await collect(replay, 'out', 1)).map(text)).toEqual(['A']);
      expect(await present(given.transport, 'out')).toBe(0);

      await given.transport.append([output('in', 'k', 'c')]);
      expect((await pullCount(input, 1)).map(text)).toEqual(['c']);
    });
  });

  describe('closing', () => {
    test('may be done twice, ends what waits, and refuses what comes after', async () => {
      const input = await given.own('g');
      const reading = collect(given.transport, 'in', Number.POSITIVE_INFINITY, { follow: true });
      const waiting = input.pull(1, PATIENCE_MS);
      await pause(20);
      await given.transport.close();
      await given.transport.close();
      expect(await waiting).toEqual([]);
      expect(await reading).toEqual([]);
      await expect(given.transport.append([output('in', 'k', 'v')])).rejects.toThrow(TransportError);
      await expect(input.commit(0, [])).rejects.toThrow(TransportError);
      await expect(collect(given.transport, 'in', 1)).rejects.toThrow(TransportError);
      await expect(given.transport.topics()).rejects.toThrow(TransportError);
    });

    test('loses nothing that was promised', async () => {
      const appends = Array.from({ length: 20 }, (_, i) =>
        given.transport.append([output('in', 'k', `${i}`)]),
      );
      await Promise.all(appends);
      await given.transport.close();
      given.transport = await given.fixture.open(given.run);
      expect((await collect(given.transport, 'in', 20)).map(text)).toEqual(
        Array.from({ length: 20 }, (_, i) => `${i}`),
      );
    });
  });

  test('whatever is appended, pulled, committed, sought and restarted: each input has its one output', async () => {
    let example = 0;
    const action = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ kind: fc.constant('work' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('pull only' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('restart' as const), count: fc.constant(0) }),
    );
    const property = fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
      const topic = `in-${++example}`;
      const done = `out-${example}`;
      await given.transport.ensureTopics([
        { name: topic, partitions: 1 },
        { name: done, partitions: 1 },
      ]);
      let input = await given.own('g', topic);
      let sent = 0;
      const work = async (most: number): Promise<number> => {
        const entries = await input.pull(most, 0);
        if (entries.length === 0) return 0;
        await input.commit(
          offsetAfter(entries.at(-1)),
          entries.map((entry) => output(done, entry.key, text(entry))),
        );
        return entries.length;
      };
      for (const { kind, count } of actions) {
        if (kind === 'append') {
          await given.transport.append(Array.from({ length: count }, () => output(topic, 'k', `${sent++}`)));
        } else if (kind === 'work') {
          await work(count);
        } else if (kind === 'pull only') {
          await input.pull(count, 0);
          input.seek((await given.transport.committed('g', topic))[0]);
        } else {
          input = await given.own('g', topic);
        }
      }
      await until(`${sent} outputs`, async () => {
        await work(100);
        return (await present(given.transport, done)) >= sent;
      });
      const outputs = await collect(given.transport, done, sent);
      expect(outputs.map(text)).toEqual(Array.from({ length: sent }, (_, i) => `${i}`));
    });
    await fc.assert(property, { numRuns: 15 });
  });
}
