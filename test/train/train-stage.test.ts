import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { hashWeights } from '../../src/checkpoint/weights-hash.ts';
import { tensorShapes } from '../../src/engine/config.ts';
import type { LoraShape, Tensors } from '../../src/engine/engine.ts';
import { adapterShapes } from '../../src/engine/lora.ts';
import { normal } from '../../src/random.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { Checkpoints } from '../../src/train/checkpoint.ts';
import { wholePolicy } from '../../src/train/checkpoint-form.ts';
import { loraShape, type ParametersConfig, parametersConfig } from '../../src/train/parameters.ts';
import { Killed, type Process, runProcess, runToTheEnd, type SmallRun, smallRun } from './small-run.ts';
import { smallDecoder, trajectory } from './small-world.ts';

/** Memory where the system has it: these tests flush hundreds of checkpoints. */
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'swirl-train-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const lora = parametersConfig.parse({ kind: 'lora', rank: 2, alpha: 3, targets: ['q_proj', 'down_proj'] });
const newFolder = () => join(root, `${folders++}`);

const hashOf = (weights: Tensors) => hashWeights(weights, tensorShapes(smallDecoder));

/**
 * Eleven records: trajectories of 1 to 3 steps, one record twice, one refused reward and one that is too
 * long.
 */
function log(): Scored[] {
  const a = trajectory('a/0', [
    { text: 'ab', reward: 1 },
    { text: 'ba', reward: 0 },
  ]);
  const b = trajectory('b/0', [{ text: 'c', reward: 0.5 }]);
  const c = trajectory('c/0', [
    { text: 'cc', reward: 1 },
    { text: 'd', reward: Number.NaN },
    { text: 'da', reward: -1 },
  ]);
  const d = trajectory('d/0', [{ text: 'q'.repeat(300) }]);
  const e = trajectory('e/0', [
    { text: 'e', reward: 1 },
    { text: 'ee', reward: 0.25 },
  ]);
  return [...a, ...b, ...a.slice(0, 1), ...c, ...d, ...e];
}

/** Adapters that change the policy from the beginning. */
function usedAdapters(parameters: ParametersConfig): Tensors {
  const shapes = adapterShapes(smallDecoder, loraShape(parameters) as LoraShape);
  let position = 0;
  return new Map(
    [...shapes].map(([name, [rows = 0, columns = 0]]) => [
      name,
      Float32Array.from({ length: rows * columns }, () => 0.3 * normal(9n, position++)),
    ]),
  );
}

async function undisturbed(settings: object, options: Process = {}, adapters: Tensors | null = null) {
  const run = smallRun(newFolder(), log(), settings, adapters);
  const { weights, events } = await runProcess(run, options);
  return { run, hash: hashOf(weights), events };
}

function expectSame(run: SmallRun, expected: SmallRun): void {
  expect(run.updates).toEqual(expected.updates);
  expect(run.failures).toEqual(expected.failures);
  expect(run.committed).toBe(expected.committed);
}

describe('the train stage', () => {
  test('trains on every record once: batches of whole trajectories, refusals as failures, all committed', async () => {
    const { run, hash } = await undisturbed({});
    expect(
      run.updates.map(({ fromOffset, toOffset, trajectories, subTrajectories, dropped }) => ({
        fromOffset,
        toOffset,
        trajectories,
        subTrajectories,
        dropped,
      })),
    ).toEqual([
      { fromOffset: 0, toOffset: 3, trajectories: 2, subTrajectories: 3, dropped: 0 },
      { fromOffset: 3, toOffset: 10, trajectories: 2, subTrajectories: 4, dropped: 3 },
    ]);
    expect(
      run.failures.map(({ id, record, error, retryable }) => ({ id, record, error, retryable })),
    ).toEqual([
      { id: 'train:scored:0:5', record: 'c/0/1', error: 'DataError', retryable: false },
      { id: 'train:scored:0:7', record: 'd/0/0', error: 'DataError', retryable: false },
    ]);
    expect(run.failures[0]?.message).toMatch(/finite reward, found NaN/);
    expect(run.failures[1]?.message).toMatch(/have 313 tokens, more than the 256 positions of the policy/);
    expect(run.committed).toBe(log().length);
    expect(run.updates.map(({ id, step, epoch }) => ({ id, step, epoch }))).toEqual([
      { id: 'update/1', step: 1, epoch: 0 },
      { id: 'update/2', step: 2, epoch: 0 },
    ]);
    expect(run.updates.at(-1)?.weightsHash).toBe(hash);
  });

  test.each<[string, number, object, Process, (Tensors | null)?]>([
    ['one epoch, a checkpoint every update', 1, { checkpointEvery: 1 }, {}],
    ['two epochs, a checkpoint every two updates', 2, { epochs: 2 }, {}],
    [
      'two epochs of smaller batches, KL, commits at the end only',
      3,
      { epochs: 2, checkpointEvery: 3, batch: { subTrajectories: 3 }, beta: 0.1, advantage: 'centered' },
      { commitEvery: 1000 },
    ],
    ['adapters, KL to the policy under them', 4, { epochs: 2, beta: 0.1, parameters: lora }, {}],
    ['adapters taken up, KL to what they were', 5, { beta: 0.1, parameters: lora }, {}, usedAdapters(lora)],
  ])(
    'killed anywhere (%s): the same weights, each update and failure once',
    async (_, stride, settings, options, adapters = null) => {
      const expected = await undisturbed(settings, options, adapters);
      expect(expected.run.updates.length).toBeGreaterThanOrEqual(2);
      expect(expected.events).toBeGreaterThan(20);
      for (let killAt = 1; killAt <= expected.events; killAt += stride) {
        const run = smallRun(newFolder(), log(), settings, adapters);
        await expect(runProcess(run, { ...options, killAt })).rejects.toThrow(Killed);
        const { weights } = await runProcess(run, options);
        expect([killAt, hashOf(weights)]).toEqual([killAt, expected.hash]);
        expectSame(run, expected.run);
      }
    },
  );

  test('killed again and again: the same', async () => {
    const settings = { epochs: 2, checkpointEvery: 1 };
    const expected = await undisturbed(settings);
    // A process needs about 12 events to come to a checkpoint at all; these kill it sooner and later than
    // that.
    for (const kills of [
      [7, 19, 23, 5, 30],
      [14, 14, 14, 14, 14, 14, 14, 14],
      [25, 3, 25, 3, 40],
    ]) {
      const run = smallRun(newFolder(), log(), settings);
      const { weights } = await runToTheEnd(run, kills);
      expect(hashOf(weights)).toBe(expected.hash);
      expectSame(run, expected.run);
    }
  });

  test('the weights depend on neither window nor checkpoints nor commits', async () => {
    const expected = await undisturbed({ epochs: 2 });
    for (const [settings, options] of [
      [
        { epochs: 2, checkpointEvery: 100, hashEvery: 3, keepCheckpoints: 1 },
        { window: 8, commitEvery: 1 },
      ],
      [
        { epochs: 2, checkpointEvery: 1 },
        { window: 1000, commitEvery: 1000 },
      ],
    ] as const) {
      const other = await undisturbed(settings, options);
      expect(other.hash).toBe(expected.hash);
      const plain = ({ updates }: SmallRun) => updates.map((update) => ({ ...update, weightsHash: '' }));
      expect(plain(other.run)).toEqual(plain(expected.run));
    }
  });

  test('stopped, nothing that is held is committed; started again, it ends as if it had not been', async () => {
    const expected = await undisturbed({ checkpointEvery: 1 });
    for (let stopAt = 1; stopAt < log().length; stopAt++) {
      const run = smallRun(newFolder(), log(), { checkpointEvery: 1 });
      await runProcess(run, { stopAt });
      const durable = run.updates.at(-1)?.toOffset ?? 0;
      expect(run.committed).toBeLessThanOrEqual(durable);
      const { weights } = await runProcess(run);
      expect(hashOf(weights)).toBe(expected.hash);
      expectSame(run, expected.run);
    }
  });

  test('later epochs read the records again, in the same batches, and tell refusals once', async () => {
    const { run } = await undisturbed({ epochs: 3 });
    const ranges = run.updates.map(({ epoch, fromOffset, toOffset, dropped }) => [
      epoch,
      fromOffset,
      toOffset,
      dropped,
    ]);
    expect(ranges).toEqual(
      [0, 1, 2].flatMap((epoch) => [
        [epoch, 0, 3, 0],
        [epoch, 3, 10, 3],
      ]),
    );
    expect(run.updates.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(run.failures).toHaveLength(2);
  });

  test('records that come after the drain are trained on next, as often as the first ones and without them', async () => {
    const run = smallRun(newFolder(), log(), { epochs: 2 });
    await runProcess(run);
    const more = trajectory('f/0', [{ text: 'fa', reward: 1 }]);
    run.log.push(...more, ...log().slice(0, 2));
    await runProcess(run);
    expect(
      run.updates
        .slice(4)
        .map(({ epoch, fromOffset, toOffset, dropped }) => [epoch, fromOffset, toOffset, dropped]),
    ).toEqual([
      [0, 10, 13, 2],
      [1, 10, 13, 2],
    ]);
    expect(run.committed).toBe(run.log.length);
  });

  test('records that arrive while a killed run catches up on its later passes are trained on after those', async () => {
    const settings = { epochs: 3, checkpointEvery: 1 };
    const expected = smallRun(newFolder(), log(), settings);
    await runProcess(expected);
    expected.log.push(...trajectory('f/0', [{ text: 'fa' }, { text: 'fb' }]));
    const whole = await runProcess(expected);
    const { events } = await undisturbed(settings);
    let passes = 0;
    for (let killAt = 10; killAt < events; killAt += 5) {
      const run = smallRun(newFolder(), log(), settings);
      await expect(runProcess(run, { killAt })).rejects.toThrow(Killed);
      // Before that, it is not known that the log was drained: what arrives belongs to the first pass.
      const state = await new Checkpoints(
        run.folder,
        wholePolicy({ path: run.folder, config: smallDecoder }),
      ).latest();
      if ((state?.cursor.epoch ?? 0) === 0) continue;
      passes++;
      run.log.push(...trajectory('f/0', [{ text: 'fa' }, { text: 'fb' }]));
      const { weights } = await runProcess(run);
      expect(hashOf(weights)).toBe(hashOf(whole.weights));
      expectSame(run, expected);
    }
    expect(passes).toBeGreaterThan(4);
  });

  test('a pass that reads less than the first one did stops the run, and nothing of it is durable', async () => {
    const run = smallRun(newFolder(), log(), { epochs: 2 });
    const { signal } = new AbortController();
    async function* shortened() {
      for (const [offset, value] of run.log.slice(0, 8).entries()) {
        yield { value, topic: 'scored', partition: 0, offset, signal };
      }
    }
    await expect(runProcess(run, { deps: { reread: shortened } })).rejects.toThrow(
      /expected 10 records of scored from offset 0 to 10.*found 8/,
    );
    const { weights } = await runProcess(run);
    const expected = await undisturbed({ epochs: 2 });
    expect(hashOf(weights)).toBe(expected.hash);
    expectSame(run, expected.run);
  });

  test('a window too small for a batch stops the run with a message instead of waiting for ever', async () => {
    const run = smallRun(newFolder(), log(), { batch: { trajectories: 3 } });
    await expect(runProcess(run, { window: 3 })).rejects.toThrow(/window is 3.*must hold one batch/);
    expect(run.committed).toBe(0);
    expect(run.updates).toEqual([]);
  });

  test('duplicates beyond number neither fill the window nor train', async () => {
    const records = [...log().slice(0, 3), ...Array.from({ length: 60 }, () => log().slice(0, 1)).flat()];
    const run = smallRun(newFolder(), records, { maxDropped: 4 });
    await runProcess(run, { window: 6 });
    expect(run.updates).toHaveLength(1);
    expect(run.committed).toBe(records.length);
  });

  test('a run without records makes no checkpoint', async () => {
    const run = smallRun(newFolder(), [], { epochs: 2 });
    await runProcess(run);
    expect(await readdir(run.folder)).toEqual([]);
  });
});
