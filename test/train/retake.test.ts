/** A optimizer that loses its partition in the middle, and has it again later in the same process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { Subject } from 'rxjs';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import type { Delivery, Finished } from '../../src/runtime/stage.ts';
import { TakenOver } from '../../src/runtime/taken-over.ts';
import type { Scored, Update } from '../../src/topics/records.generated.ts';
import { Checkpoints } from '../../src/train/checkpoint.ts';
import { wholePolicy } from '../../src/train/checkpoint-form.ts';
import { trainStage } from '../../src/train/train-stage.ts';
import { runProcess, smallRun } from './small-run.ts';
import { letters, smallDecoder, smallWeights, tasks, trajectory } from './small-world.ts';

const root = mkdtempSync(join(tmpdir(), 'swirl-retake-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const log = ['a', 'b', 'c', 'd'].flatMap((name) => trajectory(`${name}/0`, [{ text: `${name}${name}` }]));
const settings = { batch: { trajectories: 1 }, checkpointEvery: 2 };
const origin = { path: root, config: smallDecoder };

/** One process's stage, which may take its partition up again and again. */
async function process(folder: string, onCheckpoint: () => Promise<void> = async () => {}) {
  const engine = await createReferenceEngine(smallDecoder, smallWeights());
  const zeros = await engine.optimizer();
  let onUpdate: (update: Update) => void = () => {};
  const stage = trainStage(smallRun(folder, log, settings).config, {
    ...{ engine, renderer: letters, tasks, form: wholePolicy(origin), checkpoints: folder },
    ...{ run: 'small', stage: 'train', topic: 'scored', window: 16 },
    reset: async () => {
      await engine.setWeights(smallWeights());
      await engine.setOptimizer(zeros);
    },
    // Asked when the partition is taken up, and before each checkpoint.
    published: async () => {
      await onCheckpoint();
      return { offset: 0, step: 0 };
    },
    reread: () => {
      throw new Error('one pass only');
    },
    observer: { onUpdate: (update) => onUpdate(update) },
  });
  /** Takes the partition up, and trains until an update with this step; or to the log's end. */
  const take = async (untilStep?: number) => {
    const finished: Finished[] = [];
    const lost = new AbortController();
    const from = await stage.startAt({ partition: 0, committed: 0, signal: new AbortController().signal });
    const source = new Subject<Delivery<Scored>>();
    await new Promise<void>((resolve, reject) => {
      const subscription = source.pipe(stage.operator(0)).subscribe({
        next: (one) => finished.push(one),
        error: reject,
        complete: resolve,
      });
      onUpdate = ({ step }) => {
        if (step !== untilStep) return;
        lost.abort();
        subscription.unsubscribe();
        resolve();
      };
      for (const [offset, value] of log.entries())
        if (offset >= from)
          source.next({ value, topic: 'scored', partition: 0, offset, signal: lost.signal });
      source.complete();
    });
    return finished;
  };
  return { engine, stage, take };
}

test('without a checkpoint it begins with the initial weights again, with one it goes on from there', async () => {
  const whole = await runProcess(smallRun(join(root, 'whole'), log, settings));
  const { engine, stage, take } = await process(join(root, 'retaken'));
  await take(1);
  expect(await engine.weights()).not.toEqual(smallWeights());
  await take(1);
  await take(3);
  await take();
  await stage.close();
  expect(await engine.weights()).toEqual(whole.weights);
});

test('another optimizer claims the checkpoints: it ends with that, and makes no more of them', async () => {
  const folder = join(root, 'claimed');
  const other = new Checkpoints(folder, wholePolicy(origin));
  const { stage, take } = await process(folder, async () => {
    if ((await other.steps()).length === 1) await other.claim();
  });
  await expect(take()).rejects.toThrow(TakenOver);
  expect(await other.steps()).toEqual([2]);
  await stage.close();
  await other.write({ ...(await stateOf(other)), settings: { by: 'the other' } }, () => {
    throw new Error('the weights are there');
  });
  expect((await stateOf(other)).settings).toEqual({ by: 'the other' });
});

async function stateOf(checkpoints: Checkpoints) {
  const state = await checkpoints.latest();
  if (state === null) throw new Error('there is no checkpoint');
  return state;
}
