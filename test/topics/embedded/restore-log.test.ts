/** Logs that are made of what other logs held: also of those whose offsets have gaps, as Kafka's have. */
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { embeddedConfig } from '../../../src/topics/embedded/embedded-config.ts';
import { restoreLog } from '../../../src/topics/embedded/restore-log.ts';
import { arrayOf } from '../../../src/topics/read-records.ts';
import type { LogEntry } from '../../../src/topics/transport.ts';
import { type EmbeddedFolder, embeddedFolder } from './embedded-folder.ts';

let folder: EmbeddedFolder | undefined;
afterEach(() => folder?.cleanup());

/** Offsets that are missing before each record, and how much later it came. */
const lane = fc.array(fc.record({ gap: fc.nat({ max: 3 }), later: fc.nat({ max: 5 }) }), { maxLength: 30 });

function entriesOf(
  steps: readonly { readonly gap: number; readonly later: number }[],
  partition: number,
): LogEntry[] {
  let [offset, time] = [-1, 1000];
  return steps.map(({ gap, later }, i) => {
    offset += 1 + gap;
    time += later;
    return {
      topic: 'in',
      partition,
      offset,
      time,
      key: `k${i}`,
      value: Buffer.from(`value ${i} of ${partition}`),
    };
  });
}

const seen = (entries: readonly LogEntry[]) =>
  entries.map(({ value, ...entry }) => ({ ...entry, value: Buffer.from(value).toString() }));

test('every record is at its offset with its time, for readers and for those who consume', async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      lane,
      lane,
      fc.nat({ max: 3 }),
      fc.nat({ max: 100 }),
      async (first, second, after, at) => {
        folder ??= embeddedFolder();
        const run = `restored-${++runs}`;
        const lanes = [entriesOf(first, 0), entriesOf(second, 1)];
        const offsets = lanes.map((entries) => ({
          start: 0,
          end: (entries.at(-1)?.offset ?? -1) + 1 + after,
        }));
        const restorer = await restoreLog({
          run,
          folder: join(folder.folder, run, 'log'),
          config: embeddedConfig.parse({ durable: false }),
          topics: [{ name: 'in', partitions: 2, offsets }],
          hasGaps: true,
        });
        for (const [partition, entries] of lanes.entries()) {
          for (let i = 0; i < entries.length; i += 7)
            await restorer.put('in', partition, entries.slice(i, i + 7));
        }
        const done = Math.min(at, offsets[0]?.end ?? 0);
        await restorer.finish([[{ group: 'g', topic: 'in' }, new Map([[0, done]])]]);

        const log = await folder.open(run);
        expect((await log.topics()).map((topic) => topic.offsets)).toEqual([offsets]);
        expect(seen(await arrayOf(log.read('in')))).toEqual(seen(lanes.flat()));
        const some = await arrayOf(log.read('in', { partition: 0, from: { offset: done }, limit: 3 }));
        expect(seen(some)).toEqual(seen((lanes[0] ?? []).filter(({ offset }) => offset >= done).slice(0, 3)));
        const late = 1000 + (at % 40);
        const since = await arrayOf(log.read('in', { partition: 1, from: { time: late } }));
        expect(seen(since)).toEqual(seen((lanes[1] ?? []).filter(({ time }) => time >= late)));

        const signal = new AbortController();
        for await (const input of log.subscribe({ group: 'g', topic: 'in', signal: signal.signal })) {
          const pulled: LogEntry[] = [];
          const from = input.partition === 0 ? done : 0;
          expect(input.position).toBe(from);
          while (input.position < (await input.end())) pulled.push(...(await input.pull(2, 0)));
          expect(seen(pulled)).toEqual(
            seen((lanes[input.partition] ?? []).filter(({ offset }) => offset >= from)),
          );
          if (input.partition === 1) signal.abort();
        }
        // What is appended comes after the end.
        await log.append([{ topic: 'in', key: 'k', value: Buffer.from('new') }]);
        const all = await arrayOf(log.read('in'));
        expect(all).toHaveLength(lanes.flat().length + 1);
        const added = all.find(({ value }) => Buffer.from(value).toString() === 'new');
        expect(added?.offset).toBe(offsets[added?.partition ?? 0]?.end);
        await log.close();
      },
    ),
    { numRuns: 40 },
  );
});
