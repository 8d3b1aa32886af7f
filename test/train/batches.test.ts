import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Delivery } from '../../src/runtime/stage.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { type Batch, Batcher } from '../../src/train/batches.ts';
import type { TrainConfig } from '../../src/train/config.ts';
import { packTrajectory } from '../../src/train/packing.ts';
import { RecentIds } from '../../src/train/recent-ids.ts';
import { freshAt, letters, tasks, trajectory } from './small-world.ts';

const signal = new AbortController().signal;

function deliveriesOf(log: readonly Scored[]): Delivery<Scored>[] {
  return log.map((value, offset) => ({ value, topic: 'scored', partition: 0, offset, signal }));
}

interface Settings {
  readonly batch?: TrainConfig['batch'];
  readonly maxDropped?: number;
  readonly bound?: number;
  readonly ids?: readonly string[];
}

/** All batches of a log from an offset on, the partial one at its end included. */
function batchesOf(log: readonly Scored[], settings: Settings = {}, from = 0): Batch[] {
  const { batch = { trajectories: 2 }, maxDropped = 64, bound = 1000, ids = [] } = settings;
  const batcher = new Batcher({
    batch,
    maxDropped,
    recent: new RecentIds(bound, ids),
    pack: (steps) =>
      packTrajectory(steps, {
        renderer: letters,
        tasks,
        ...{ maxRowTokens: 60, maxPositions: 1000 },
        vocabSize: 32,
        needsLogprobs: false,
      }),
  });
  const full = deliveriesOf(log)
    .slice(from)
    .flatMap((delivery) => batcher.push(delivery));
  const rest = batcher.flush();
  return rest === null ? full : [...full, rest];
}

const idsOf = (batch: Batch) => batch.rows.flatMap((row) => row.steps.map(({ id }) => id));
const steps = (id: string, count: number) =>
  trajectory(
    id,
    Array.from({ length: count }, () => ({ text: 'a' })),
  );

/**
 * Logs with trajectories of several steps, steps that are missing, repeated, refused, and out of order; some with
 * fresh actions in their place.
 */
const logs = fc
  .array(
    fc.record({
      name: fc.integer({ min: 0, max: 12 }),
      count: fc.integer({ min: 1, max: 4 }),
      keep: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      twice: fc.boolean(),
      long: fc.boolean(),
      fresh: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 14 },
  )
  .map((specs) =>
    specs.flatMap(({ name, count, keep, twice, long, fresh }) => {
      const whole = trajectory(
        `q${name}/0`,
        Array.from({ length: count }, (_, i) => ({ text: long && i > 0 ? 'x'.repeat(70) : 'ab' })),
      );
      const recorded = whole.filter((_, i) => keep[i]);
      const again = (step: Scored) =>
        freshAt(step, new Array(fresh).fill({ text: step.subTrajectory.action.text }));
      const kept = fresh === 0 ? recorded : recorded.flatMap(again);
      return twice ? kept.flatMap((step) => [step, step]) : kept;
    }),
  );
const settingsOf = fc.record({
  batch: fc.oneof(
    fc.record({ trajectories: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ subTrajectories: fc.integer({ min: 1, max: 6 }) }),
  ),
  maxDropped: fc.integer({ min: 1, max: 8 }),
  bound: fc.integer({ min: 1, max: 12 }),
});

describe('Batcher', () => {
  test('a batch of trajectories ends with the last step of its last trajectory', () => {
    const log = [...steps('a/0', 3), ...steps('b/0', 1), ...steps('c/0', 2)];
    expect(batchesOf(log).map((batch) => [batch.fromOffset, batch.toOffset, idsOf(batch)])).toEqual([
      [0, 4, ['a/0/0', 'a/0/1', 'a/0/2', 'b/0/0']],
      [4, 6, ['c/0/0', 'c/0/1']],
    ]);
  });

  test('a batch of sub-trajectories takes the trajectory that fills it whole', () => {
    const log = [...steps('a/0', 1), ...steps('b/0', 3), ...steps('c/0', 1)];
    const batches = batchesOf(log, { batch: { subTrajectories: 2 } });
    expect(batches.map((batch) => [batch.trajectories, idsOf(batch).length])).toEqual([
      [2, 4],
      [1, 1],
    ]);
  });

  test('batches of one sub-trajectory: every step is an update of its own', () => {
    const log = [...steps('a/0', 2), ...steps('b/0', 1)];
    const batches = batchesOf(log, { batch: { subTrajectories: 1 } });
    expect(batches.map((batch) => [batch.fromOffset, batch.toOffset, idsOf(batch)])).toEqual([
      [0, 1, ['a/0/0']],
      [1, 2, ['a/0/1']],
      [2, 3, ['b/0/0']],
    ]);
  });

  test('a trajectory without its last step ends where another begins', () => {
    const log = [...steps('a/0', 3).slice(0, 2), ...steps('b/0', 1)];
    expect(
      batchesOf(log, { batch: { trajectories: 1 } }).map((batch) => [batch.toOffset, idsOf(batch)]),
    ).toEqual([
      [2, ['a/0/0', 'a/0/1']],
      [3, ['b/0/0']],
    ]);
  });

  test('an id that was used is dropped and counted, and does not part the steps around it', () => {
    const a = steps('a/0', 2);
    const log = [...a.slice(0, 1), ...steps('z/0', 1), ...a];
    const [batch] = batchesOf(log, { ids: ['z/0/0'] });
    expect(batch).toMatchObject({ duplicates: 2, trajectories: 1 });
    expect(batch?.rows).toHaveLength(1);
  });

  test('what was refused does not count toward a full batch', () => {
    const long = trajectory('l/0', [{ text: 'x'.repeat(70) }]);
    const [batch, ...rest] = batchesOf([...steps('a/0', 1), ...long, ...steps('b/0', 1)]);
    expect(rest).toEqual([]);
    expect(batch).toMatchObject({ trajectories: 2, toOffset: 3 });
    expect(batch?.refused.map(({ id, delivery }) => [id, delivery.offset])).toEqual([['l/0/0', 1]]);
  });

  test('fresh actions at one context are in one batch, which ends with the context that fills it', () => {
    const of = (id: string) =>
      steps(id, 2).flatMap((step) => freshAt(step, [{ text: 'a' }, { text: 'b' }, { text: 'a' }]));
    const log = [...of('a/0'), ...of('b/0')];
    const sizes = (batch: TrainConfig['batch']) =>
      batchesOf(log, { batch }).map((one) => [one.toOffset, one.trajectories, idsOf(one).length]);
    expect(sizes({ subTrajectories: 1 })).toEqual([3, 6, 9, 12].map((end) => [end, 1, 3]));
    expect(sizes({ subTrajectories: 4 })).toEqual([
      [6, 1, 6],
      [12, 1, 6],
    ]);
    expect(sizes({ subTrajectories: 7 })).toEqual([
      [9, 2, 9],
      [12, 1, 3],
    ]);
    expect(sizes({ trajectories: 1 })).toEqual([
      [6, 1, 6],
      [12, 1, 6],
    ]);
  });

  test('each batch begins where the one before it ended, and every record is in one', () => {
    fc.assert(
      fc.property(logs, settingsOf, (log, settings) => {
        const batches = batchesOf(log, settings);
        expect(batches.map(({ fromOffset }) => fromOffset)).toEqual(
          [0, ...batches.map(({ toOffset }) => toOffset)].slice(0, batches.length),
        );
        expect(batches.at(-1)?.toOffset ?? 0).toBe(log.length);
        expect(batches.reduce((total, { deliveries }) => total + deliveries, 0)).toBe(log.length);
        const accounted = batches.map((b) => idsOf(b).length + b.refused.length + b.duplicates);
        expect(accounted.reduce((a, b) => a + b, 0)).toBe(log.length);
      }),
    );
  });

  test('taken up at any batch, with the ids remembered there, the rest is the same', () => {
    fc.assert(
      fc.property(logs, settingsOf, (log, settings) => {
        const batches = batchesOf(log, settings);
        for (const [i, { toOffset, recentIds }] of batches.entries()) {
          expect(recentIds.length).toBeLessThanOrEqual(settings.bound);
          expect(batchesOf(log, { ...settings, ids: recentIds }, toOffset)).toEqual(batches.slice(i + 1));
        }
      }),
    );
  });

  test('no batch but the last is without a reason to end: it is full, or has dropped enough', () => {
    fc.assert(
      fc.property(logs, settingsOf, (log, settings) => {
        for (const batch of batchesOf(log, settings).slice(0, -1)) {
          const size = 'trajectories' in settings.batch ? batch.trajectories : idsOf(batch).length;
          const wanted =
            'trajectories' in settings.batch ? settings.batch.trajectories : settings.batch.subTrajectories;
          expect(size >= wanted || batch.duplicates + batch.refused.length >= settings.maxDropped).toBe(true);
        }
      }),
    );
  });
});

test('RecentIds forgets the oldest', () => {
  const recent = new RecentIds(2, ['a', 'b']);
  recent.add('c');
  expect([recent.has('a'), recent.has('b'), recent.list()]).toEqual([false, true, ['b', 'c']]);
});
