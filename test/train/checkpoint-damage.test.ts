/** Checkpoints whose files have changed, that belong to other runs, or are of earlier versions. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.ts';
import { Checkpoints } from '../../src/train/checkpoint.ts';
import { wholePolicy } from '../../src/train/checkpoint-form.ts';
import { checkpointRuns, flip, stateAt, tensorsAt } from './checkpoint-states.ts';

const { origin, nextRun, write } = checkpointRuns();
let folder: string;
let checkpoints: Checkpoints;
beforeEach(() => {
  ({ folder, checkpoints } = nextRun());
});

test('any file of one that has a changed byte: the newest whole one before it is offered', async () => {
  for (const step of [2, 4, 6]) await write(step);
  flip(join(checkpoints.path(4), 'config.json'));
  for (const name of await readdir(checkpoints.path(6))) {
    const whole = readFileSync(join(checkpoints.path(6), name));
    flip(join(checkpoints.path(6), name));
    const reading = checkpoints.read(6);
    await expect(reading).rejects.toThrow(ConfigError);
    await expect(reading).rejects.toThrow(/step-6 is not a whole.*update 2 is whole.*--from-update 2/s);
    writeFileSync(join(checkpoints.path(6), name), whole);
  }
  expect(await checkpoints.read(6)).toEqual({ ...tensorsAt(6), isSealed: true });
  expect(await checkpoints.backTo(2)).toEqual([4, 6].map((step) => join(folder, `set-aside-${step}`)));
  expect((await checkpoints.latest())?.step).toBe(2);
  await expect(checkpoints.backTo(6)).rejects.toThrow(/no checkpoint of update 6.*there are 2$/);
  // Made again, and gone back from again: what was put aside before stays.
  await write(4);
  expect(await checkpoints.backTo(2)).toEqual([join(folder, 'set-aside-4-2')]);
});

test('one of another run, or of another run of that name, is refused', async () => {
  const ours = { run: 'main', identity: 'a' };
  const by = (owner: typeof ours) => new Checkpoints(folder, wholePolicy(origin), owner);
  await by(ours).write(stateAt(1), async () => tensorsAt(1));
  expect((await by(ours).latest())?.step).toBe(1);
  await expect(by({ ...ours, run: 'other' }).latest()).rejects.toThrow(
    /step-1 is a checkpoint of the run main, and the run other does not go on from it/,
  );
  await expect(by({ ...ours, identity: 'b' }).latest()).rejects.toThrow(/of another run of the name main/);
});

test('one of an earlier version, without a manifest, is read; its tensors alone are looked at', async () => {
  await write(3);
  const file = join(checkpoints.path(3), 'train.json');
  const { sha256: _, manifest: __, ...state } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...state, format: 'swirl-train-1' }));
  rmSync(join(checkpoints.path(3), 'manifest.json'));
  expect(await checkpoints.read(3)).toEqual({ ...tensorsAt(3), isSealed: false });
  flip(join(checkpoints.path(3), 'model.safetensors'));
  await expect(checkpoints.read(3)).rejects.toThrow(/expected weights [0-9a-f]{64}, found/);
});

test('a manifest that is gone, or that of another checkpoint, is seen', async () => {
  for (const step of [1, 2]) await write(step);
  const at = (step: number) => join(checkpoints.path(step), 'manifest.json');
  writeFileSync(at(2), readFileSync(at(1)));
  await expect(checkpoints.read(2)).rejects.toThrow(/its bytes are not those|not the one that train\.json/);
  rmSync(at(2));
  await expect(checkpoints.read(2)).rejects.toThrow(/manifest\.json is not the one that train\.json/);
});

test('the newest are kept, and the first at or after each multiple', async () => {
  for (const step of [3, 6, 9, 12, 15, 20, 30]) {
    await write(step);
    await checkpoints.prune(2, 10);
  }
  expect(await checkpoints.steps()).toEqual([12, 20, 30]);
});
