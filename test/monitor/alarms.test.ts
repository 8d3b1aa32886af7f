/** Alarms: what they see against a plain count, how often they are raised, and how one stops a run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { alarmsConfig } from '../../src/monitor/alarm-config.ts';
import { Alarms } from '../../src/monitor/alarms.ts';
import { openRun } from '../../src/open-run.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { trajectory, update } from '../records.ts';

const labels = ['GOOD', 'BAD', 'UNKNOWN'] as const;

function alarmsOf(settings: readonly object[]) {
  const told: string[] = [];
  const notify = (message: string) => told.push(message);
  return { told, alarms: new Alarms(alarmsConfig.parse(settings), { stages: ['judge', 'train'], notify }) };
}

const judged = (label: string) => ({ outputs: [{ topic: 'judged', value: { verdict: { label } } }] });

/** How often a condition begins to hold. */
const rises = (held: readonly boolean[]) => held.filter((holds, i) => holds && held[i - 1] !== true).length;

test('a share is that of the newest verdicts, and is raised each time that it begins to hold', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...labels), { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 100 }),
      (verdicts, over, percent) => {
        const { alarms } = alarmsOf([{ when: `share.BAD > ${percent / 100}`, over }]);
        for (const label of verdicts) alarms.onCommit(judged(label));
        const held = verdicts.map((_, i) => {
          const newest = verdicts.slice(Math.max(0, i + 1 - over), i + 1);
          return (
            newest.length === over && newest.filter((label) => label === 'BAD').length / over > percent / 100
          );
        });
        expect(alarms.raised[0]?.times ?? 0).toBe(rises(held));
        expect(alarms.stop.aborted).toBe(false);
      },
    ),
  );
});

test('measures of updates are of the newest, and what they do not have counts for nothing', () => {
  const norms = fc.array(fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }), { maxLength: 60 });
  fc.assert(
    fc.property(norms, fc.integer({ min: 1, max: 8 }), (ratios, over) => {
      const { alarms } = alarmsOf([
        { when: 'max.meanRatio >= 8', over },
        { when: 'mean.meanRatio < 3', over },
        { when: 'min.meanRatio == 2 and max.gradNorm == 1', over },
      ]);
      for (const meanRatio of ratios) alarms.onUpdate(update({ meanRatio, gradNorm: 1 }));
      const held = ratios.map((_, i) => {
        const newest = i + 1 < over ? [] : ratios.slice(i + 1 - over, i + 1).flatMap((ratio) => ratio ?? []);
        if (newest.length === 0) return [false, false, false];
        const mean = newest.reduce((a, b) => a + b, 0) / newest.length;
        return [Math.max(...newest) >= 8, mean < 3, Math.min(...newest) === 2];
      });
      const times = (n: number) => rises(held.map((holds) => holds[n] === true));
      const raised = new Map(alarms.raised.map(({ when, times }) => [when, times]));
      expect(raised.get('max.meanRatio >= 8') ?? 0).toBe(times(0));
      expect(raised.get('mean.meanRatio < 3') ?? 0).toBe(times(1));
      expect(raised.get('min.meanRatio == 2 and max.gradNorm == 1') ?? 0).toBe(times(2));
    }),
  );
});

describe('an alarm', () => {
  test('tells what it saw each time that their number has doubled, and counts all', () => {
    const { told, alarms } = alarmsOf([{ when: 'lag.judge > 5' }]);
    for (let i = 0; i < 30; i++) alarms.onLag([{ stage: 'judge', backlog: i % 2 === 0 ? 9 : 0 }]);
    expect(told[0]).toBe('alarm: lag.judge > 5 (lag.judge is 9, over 100)');
    expect(told.map((line) => /(\d+) times/.exec(line)?.[1] ?? '1')).toEqual(['1', '2', '4', '8']);
    expect(alarms.raised).toEqual([
      { when: 'lag.judge > 5', over: 100, do: 'warn', times: 15, saw: 'lag.judge is 9', holds: false },
    ]);
  });

  test('knows failures, and batches that taught nothing', () => {
    const { alarms } = alarmsOf([
      { when: 'share.failed >= 0.5', over: 4 },
      { when: 'share.empty == 1', over: 2, do: 'stop' },
    ]);
    const commit = (topic: string) => alarms.onCommit({ outputs: [{ topic, value: {} }] });
    for (const topic of ['turns', 'failures', 'turns']) commit(topic);
    alarms.onEmptyBatch();
    expect(alarms.raised).toEqual([]);
    commit('failures');
    alarms.onUpdate(update({ gradNorm: 0 }));
    expect(alarms.raised.map(({ when }) => when)).toEqual(['share.failed >= 0.5', 'share.empty == 1']);
    expect(alarms.stop.aborted).toBe(true);
  });
});

describe('in a run', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'swirl-alarms-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Every second step repeats a call: BAD by the rules. */
  const trajectories = Array.from({ length: 60 }, (_, i) => {
    const whole = trajectory(`q${i}/0`, 2);
    const [first, , last] = whole.steps;
    return { ...whole, steps: [first, first, last] as typeof whole.steps };
  });
  const open = (alarms: readonly object[]) =>
    openRun(
      resolveTopology(
        {
          fed: ['trajectories'],
          tasks: { math: { tools: ['calculator'], instructions: '' } },
          tools: { calculator: { kind: 'calculator' } },
          stages: { decompose: { window: 4 }, judge: { window: 4 } },
          ...{ alarms },
        },
        folder,
      ),
    );
  const { signal } = new AbortController();

  test('one stops it with everything committed that is in the topics, and the next run does the rest once', async () => {
    const told: string[] = [];
    const first = await open([{ when: 'share.BAD > 0.2', over: 9, do: 'stop' }]);
    await first.feed('trajectories', trajectories);
    const options = { untilDrained: true, stop: signal, abort: signal };
    const started = await first.start({ ...options, notify: (message) => told.push(message) });
    expect(await started.finished).toBe('stopped');
    expect(told.filter((message) => message.startsWith('alarm: '))).toHaveLength(1);
    const before = await arrayOf(first.read('judged'));
    const bad = before.slice(0, 9).filter(({ verdict }) => verdict.label === 'BAD').length;
    const saw = `share.BAD is ${Number((bad / 9).toPrecision(4))}`;
    expect(started.alarms()).toMatchObject([{ do: 'stop', times: 1, saw }]);
    await first.close();
    expect(before.length).toBeGreaterThanOrEqual(9);
    expect(before.length).toBeLessThan(180);
    // Alarms decide no record: a run that goes on may have others.
    const second = await open([]);
    const again = await second.start(options);
    expect(await again.finished).toBe('drained');
    const ids = (await arrayOf(second.read('judged'))).map(({ id }) => id);
    await second.close();
    expect(ids.slice(0, before.length)).toEqual(before.map(({ id }) => id));
    expect(ids).toEqual(trajectories.flatMap(({ id }) => [0, 1, 2].map((index) => `${id}/${index}`)));
  });
});
