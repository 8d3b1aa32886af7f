/** Alarms that stay with a run: told to whoever looks later, of all its processes, in a file that does not grow. */
import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ALARMS_FILE, AlarmKeeper, keptAlarms, WatchedAlarms } from '../../src/monitor/kept-alarms.ts';
import { openRun } from '../../src/open-run.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { runFolder } from '../../src/topology/resolved.ts';
import { reportOf } from '../../src/watch/report.ts';
import { RunWatch } from '../../src/watch/run-watch.ts';
import { trajectory } from '../records.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-kept-alarms-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const raised = (when: string, times: number) => ({
  ...{ when, over: 9, do: 'warn' as const, times, holds: true },
  saw: `share.BAD is ${times / 1000}`,
});

test('the times of each alarm are those of all processes together, its last words those of the last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2), fc.constantFrom('a.b > 1', 'c.d > "x\n"'), fc.boolean()), {
        maxLength: 60,
      }),
      (events) => {
        rmSync(join(folder, ALARMS_FILE), { force: true });
        let now = 0;
        const keepers = [0, 1, 2].map(
          (i) => new AlarmKeeper({ folder, process: `p${i}`, now: () => now, notify: fail }),
        );
        const times = new Map<string, number>();
        for (const [process, when, isFlushed] of events) {
          now++;
          const key = `${process} ${when}`;
          times.set(key, (times.get(key) ?? 0) + 1);
          keepers[process]?.keep(raised(when, times.get(key) ?? 0));
          if (isFlushed) keepers[process]?.flush();
        }
        for (const keeper of keepers) keeper.flush();
        const kept = keptAlarms(folder);
        for (const when of new Set(events.map(([, name]) => name))) {
          const at = events.flatMap(([, name], i) => (name === when ? [i + 1] : []));
          const [process] = events[(at.at(-1) ?? 0) - 1] ?? [];
          expect(kept.find((one) => one.when === when)).toEqual({
            ...{ when, over: 9, do: 'warn', times: at.length, first: at[0], last: at.at(-1) },
            saw: `share.BAD is ${(times.get(`${process} ${when}`) ?? 0) / 1000}`,
          });
        }
        expect(kept.map(({ last }) => last)).toEqual(kept.map(({ last }) => last).sort((a, b) => b - a));
      },
    ),
    { numRuns: 60 },
  );
});

test('a line that was cut off, or is none, is passed over; a file that grew long keeps every count', () => {
  let now = 0;
  // Longest words: a run that was started again and again.
  const when = `share.BAD > ${'0'.repeat(980)}1`;
  const watched = new WatchedAlarms(folder);
  expect(watched.look()).toEqual([]);
  for (let i = 0; i < 3000; i++) {
    new AlarmKeeper({ folder, process: `p${i}`, now: () => ++now, notify: fail }).keep(raised(when, 1));
  }
  expect(statSync(join(folder, ALARMS_FILE)).size).toBeLessThan(1.1 * 1024 * 1024);
  expect(keptAlarms(folder)).toMatchObject([{ times: 3000, first: 1, last: 3000 }]);
  appendFileSync(join(folder, ALARMS_FILE), 'null\n{"when": 5}\n{"process":"p","when":"cut');
  expect(watched.look()).toMatchObject([{ times: 3000, first: 1, last: 3000 }]);
});

test('where they cannot be kept that is told once, and the run goes on', () => {
  const told: string[] = [];
  const options = { folder: join(folder, 'not there'), process: 'p', now: () => 0 };
  const keeper = new AlarmKeeper({ ...options, notify: (message) => told.push(message) });
  keeper.keep(raised('a.b > 1', 1));
  keeper.keep(raised('c.d > 1', 1));
  expect(told).toEqual([expect.stringContaining('alarms.jsonl: alarms cannot be kept: ENOENT')]);
});

describe('of a run', () => {
  const topology = () =>
    resolveTopology(
      {
        run: 'alarmed',
        fed: ['trajectories'],
        tasks: { math: { tools: ['calculator'], instructions: '' } },
        tools: { calculator: { kind: 'calculator' } },
        stages: { decompose: {}, judge: {} },
        alarms: [{ when: 'share.GOOD >= 0', over: 2 }],
      },
      folder,
    );
  const { signal } = new AbortController();

  test('a page that is opened afterwards, a report and the next run tell of those of every run before', async () => {
    for (const ids of [[1, 2], [3]]) {
      const run = await openRun(topology());
      await run.feed(
        'trajectories',
        ids.map((id) => trajectory(`q${id}/0`, 2)),
      );
      const started = await run.start({ untilDrained: true, stop: signal, abort: signal });
      expect(await started.finished).toBe('drained');
      await run.close();
    }
    const alarm = {
      when: 'share.GOOD >= 0',
      over: 2,
      do: 'warn',
      times: 2,
      saw: expect.stringMatching(/^share/),
    };
    expect(keptAlarms(runFolder(topology()))).toMatchObject([alarm]);
    const watch = await RunWatch.open(topology(), { notify: () => {}, env: {}, now: Date.now });
    expect((await watch.flow()).alarms).toMatchObject([alarm]);
    expect((await reportOf(watch, { trajectories: 1, time: 0 })).html).toContain('share.GOOD \\u003e= 0');
    await watch.close();
  });
});

function fail(message: string): never {
  throw new Error(message);
}
