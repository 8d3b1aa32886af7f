import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.ts';
import { initialAdapters } from '../../src/engine/lora.ts';
import { ConfigError, TransportError } from '../../src/errors.ts';
import { TakenOver } from '../../src/runtime/taken-over.ts';
import { Checkpoints } from '../../src/train/checkpoint.ts';
import { adaptersOn, type CheckpointForm, wholePolicy } from '../../src/train/checkpoint-form.ts';
import { checkpointRuns, flip, stateAt, tensorsAt } from './checkpoint-states.ts';
import { runProcess, smallRun } from './small-run.ts';
import { smallDecoder, smallWeights, trajectory } from './small-world.ts';

const { origin, nextRun, write } = checkpointRuns();
let folder: string;
let checkpoints: Checkpoints;
beforeEach(() => {
  ({ folder, checkpoints } = nextRun());
});

describe('Checkpoints', () => {
  test('what is written is read back to the bit, and the newest is found by its number', async () => {
    for (const step of [2, 10, 9]) await write(step);
    expect(await checkpoints.steps()).toEqual([2, 9, 10]);
    expect(await checkpoints.latest()).toEqual(stateAt(10));
    expect(await checkpoints.read(9)).toEqual({ ...tensorsAt(9), isSealed: true });
  });

  test('none: null', async () => {
    expect(await checkpoints.latest()).toBeNull();
    expect(await checkpoints.steps()).toEqual([]);
  });

  test('a checkpoint is a policy that other tools open', async () => {
    await write(1);
    expect(readFileSync(join(checkpoints.path(1), 'config.json'), 'utf8')).toBe('{"model_type":"gemma2"}');
    const file = await SafetensorsFile.open(join(checkpoints.path(1), 'model.safetensors'));
    expect([...file.tensors.keys()].sort()).toEqual([...smallWeights().keys()].sort());
    await file.close();
  });

  test('adapters alone: read back to the bit, in a folder that names the policy under them; damage is seen', async () => {
    const lora = { rank: 2, scale: 1.5, targets: ['q_proj', 'down_proj'] as const };
    const adapters = initialAdapters(smallDecoder, lora, 3);
    const optimizer = { step: 7, m: initialAdapters(smallDecoder, lora, 4), v: adapters };
    const kept = new Checkpoints(folder, adaptersOn(origin, lora));
    await kept.write(stateAt(7), async () => ({ weights: adapters, optimizer }));
    expect(await kept.read(7)).toEqual({ weights: adapters, optimizer, isSealed: true });
    const config = readFileSync(join(kept.path(7), 'adapter_config.json'), 'utf8');
    expect(JSON.parse(config)).toMatchObject({
      peft_type: 'LORA',
      r: 2,
      lora_alpha: 3,
      base_model_name_or_path: origin.path,
    });
    expect(existsSync(join(kept.path(7), 'model.safetensors'))).toBe(false);
    flip(join(kept.path(7), 'adapter_model.safetensors'));
    await expect(kept.read(7)).rejects.toThrow(
      /step-7 is not a whole checkpoint.*adapter_model\.safetensors: its bytes are not those that were written/,
    );
  });

  test('at the same step only the state is replaced, and the tensors are not asked for', async () => {
    await write(4);
    const asked = countedTensors();
    await checkpoints.write(stateAt(4, 99), asked.tensors);
    expect(asked.times()).toBe(0);
    expect(await checkpoints.latest()).toEqual(stateAt(4, 99));
    expect(await checkpoints.read(4)).toEqual({ ...tensorsAt(4), isSealed: true });
  });

  test('old ones are removed, and what a crash left unfinished does not count', async () => {
    for (const step of [1, 2, 3]) await write(step);
    await mkdir(join(folder, '.writer-killed', 'step-4'), { recursive: true });
    writeFileSync(join(folder, '.writer-killed', 'step-4', 'model.safetensors'), 'half');
    await checkpoints.release();
    expect((await checkpoints.latest())?.step).toBe(3);
    await checkpoints.prune(2);
    await checkpoints.release();
    expect((await readdir(folder)).sort()).toEqual(['step-2', 'step-3']);
    await write(4);
    expect(await checkpoints.read(4)).toEqual({ ...tensorsAt(4), isSealed: true });
  });

  test.each<[string, string, (path: string) => void, RegExp]>([
    [
      'weights that were cut',
      'model.safetensors',
      (path) => truncateSync(path, 4000),
      /expected \d+ bytes, found 4000/,
    ],
    [
      'a weight that was changed',
      'model.safetensors',
      (path) => flip(path),
      /its bytes are not those that were written/,
    ],
    [
      'a moment that was changed',
      'optimizer.safetensors',
      (path) => flip(path),
      /optimizer\.safetensors: its bytes/,
    ],
    [
      'moments that are missing',
      'optimizer.safetensors',
      (path) => rmSync(path),
      /optimizer\.safetensors: cannot be read \(ENOENT/,
    ],
  ])('%s: refused with a message', async (_, file, spoil, message) => {
    await write(5);
    spoil(join(checkpoints.path(5), file));
    const reading = checkpoints.read(5);
    await expect(reading).rejects.toThrow(ConfigError);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(
      /step-5 is not a whole checkpoint of this run.*There is no whole one before it: a replay/s,
    );
  });

  test.each<[string, (path: string) => void, RegExp]>([
    ['no train.json', (path) => rmSync(path), /cannot be read: ENOENT/],
    ['half a train.json', (path) => writeFileSync(path, '{"format":"swirl-tr'), /cannot be read/],
    [
      'a train.json of something else',
      (path) => writeFileSync(path, '{"epoch":3}'),
      /expected train.json as this version/,
    ],
    [
      'the train.json of another step',
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"step": 5', '"step": 6')),
      /train\.json is not what was written there/,
    ],
  ])('%s: refused with a message', async (_, spoil, message) => {
    await write(5);
    spoil(join(checkpoints.path(5), 'train.json'));
    await expect(checkpoints.latest()).rejects.toThrow(message);
    await expect(checkpoints.latest()).rejects.toThrow(ConfigError);
  });

  test('a folder that cannot be written: an error that stops the run and says what to do', async () => {
    // A file where the folder should be stops root too.
    const blocked = new Checkpoints(join(origin.path, 'config.json', 'checkpoints'), wholePolicy(origin));
    await expect(blocked.write(stateAt(1), async () => tensorsAt(1))).rejects.toThrow(TransportError);
    await expect(blocked.write(stateAt(1), async () => tensorsAt(1))).rejects.toThrow(
      /could not be written.*Nothing is lost/,
    );
  });
});

describe('two that write, of which the first does not know of the second', () => {
  const first = () => checkpoints;
  let second: Checkpoints;
  let before: string[];
  const listed = async () => (await readdir(folder, { recursive: true })).sort();

  beforeEach(async () => {
    for (const step of [1, 2, 3]) await write(step);
    second = new Checkpoints(folder, wholePolicy(origin));
  });

  async function secondClaims(): Promise<void> {
    await second.claim();
    before = await listed();
  }

  test('the first changes nothing any more, neither a checkpoint nor what the second has begun', async () => {
    await secondClaims();
    await expect(first().write(stateAt(4), async () => tensorsAt(4))).rejects.toThrow(TakenOver);
    await expect(first().write(stateAt(3, 99), async () => tensorsAt(3))).rejects.toThrow(TakenOver);
    await expect(first().prune(1)).rejects.toThrow(TakenOver);
    await first().release();
    expect(await listed()).toEqual(before);
    expect(await second.latest()).toEqual(stateAt(3));
    await second.write(stateAt(4), async () => tensorsAt(4));
    await second.prune(1);
    await second.release();
    expect(await readdir(folder)).toEqual(['step-4']);
    expect(await second.read(4)).toEqual({ ...tensorsAt(4), isSealed: true });
  });

  test.each<[string, (claim: () => Promise<void>) => CheckpointForm]>([
    [
      'begins to save',
      (claim) => ({
        ...wholePolicy(origin),
        save: async (...args) => {
          await claim();
          await wholePolicy(origin).save(...args);
        },
      }),
    ],
    [
      'is saving',
      (claim) => ({
        ...wholePolicy(origin),
        save: (path, weights, addFiles) =>
          wholePolicy(origin).save(path, weights, async (aside) => {
            await claim();
            await addFiles(aside);
          }),
      }),
    ],
    [
      'has saved',
      (claim) => ({
        ...wholePolicy(origin),
        save: async (...args) => {
          await wholePolicy(origin).save(...args);
          await claim();
        },
      }),
    ],
  ])('the second comes when the first %s: it is in vain, and goes at the next claim', async (_, form) => {
    const late = new Checkpoints(folder, form(secondClaims));
    await expect(late.write(stateAt(4), async () => tensorsAt(4))).rejects.toThrow(TakenOver);
    await second.write(stateAt(4, 44), async () => ({ ...tensorsAt(4), weights: tensorsAt(5).weights }));
    expect(await second.read(4)).toMatchObject({ weights: tensorsAt(5).weights });
    await second.release();
    const third = new Checkpoints(folder, wholePolicy(origin));
    await third.claim();
    await third.release();
    expect((await readdir(folder)).sort()).toEqual(['step-1', 'step-2', 'step-3', 'step-4']);
  });

  test('of many that claim at once and again, each either writes or says that it may not', async () => {
    const all = Array.from({ length: 5 }, () => new Checkpoints(folder, wholePolicy(origin)));
    await Promise.all(all.map((one) => one.claim()));
    const tried = await Promise.allSettled(
      all.map((one, i) => one.write(stateAt(10 + i), async () => tensorsAt(10 + i))),
    );
    for (const [i, one] of tried.entries()) {
      if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(TakenOver);
      expect((await checkpoints.steps()).includes(10 + i)).toBe(one.status === 'fulfilled');
    }
    expect(tried.filter(({ status }) => status === 'fulfilled').length).toBeLessThan(2);
  });
});

describe('taking up a checkpoint', () => {
  const log = [...trajectory('a/0', [{ text: 'ab' }]), ...trajectory('b/0', [{ text: 'c' }])];

  test('other settings are refused by name; what does not change the weights may change', async () => {
    const run = smallRun(folder, log);
    await runProcess(run);
    const other = (settings: object) =>
      runProcess({ ...run, config: smallRun(folder, log, settings).config });
    await expect(other({ beta: 0.5 })).rejects.toThrow(/other settings \(beta was 0 and is 0.5\)/);
    await expect(other({ batch: { trajectories: 1 } })).rejects.toThrow(/batch was \{"trajectories":2\}/);
    await expect(
      runProcess(run, { deps: { tasks: new Map([['letters', { instructions: 'stop' }]]) } }),
    ).rejects.toThrow(/instructions was/);
    await other({ checkpointEvery: 7, keepCheckpoints: 9, hashEvery: 2 });
  });

  test('a checkpoint from before there were adapters goes on as full training', async () => {
    const run = smallRun(folder, log);
    await runProcess(run);
    const step = (await checkpoints.steps()).at(-1) ?? 0;
    const file = join(checkpoints.path(step), 'train.json');
    const { settings, sha256: _, manifest: __, ...state } = JSON.parse(readFileSync(file, 'utf8'));
    const { parameters, ...older } = settings;
    expect(parameters).toBe('{"kind":"full"}');
    writeFileSync(file, JSON.stringify({ ...state, format: 'swirl-train-1', settings: older }));
    await runProcess(run);
    const adapters = smallRun(folder, log, { parameters: { kind: 'lora' } });
    await expect(runProcess({ ...run, config: adapters.config })).rejects.toThrow(
      /parameters was \{"kind":"full"\}/,
    );
  });

  test('what a kill left in the middle of removing goes at the next start, though there is nothing more to train on', async () => {
    const run = smallRun(folder, log);
    await runProcess(run);
    const before = await readdir(folder);
    await mkdir(join(folder, '.writer-killed', 'step-1.old'), { recursive: true });
    await runProcess(run);
    expect(await readdir(folder)).toEqual(before);
  });

  test('updates without any checkpoint: the weights are gone, and it says so', async () => {
    const run = smallRun(folder, log);
    await runProcess(run);
    rmSync(folder, { recursive: true });
    await expect(runProcess(run)).rejects.toThrow(/expected the checkpoint of update 1.*found none/);
  });

  test('an older checkpoint trains again what came after it, and tells it once', async () => {
    const run = smallRun(folder, [...log, ...trajectory('d/0', [{ text: 'd' }, { text: 'e' }])], {
      batch: { trajectories: 1 },
      checkpointEvery: 1,
      keepCheckpoints: 10,
    });
    const { weights } = await runProcess(run);
    const updates = [...run.updates];
    expect(await checkpoints.steps()).toEqual([1, 2, 3]);
    for (const step of [3, 2]) rmSync(checkpoints.path(step), { recursive: true });
    const again = await runProcess(run);
    expect(again.weights).toEqual(weights);
    expect(run.updates).toEqual(updates);
    expect(existsSync(checkpoints.path(3))).toBe(true);
  });
});

/** Tensors that count how often they are asked for. */
function countedTensors() {
  let times = 0;
  return {
    times: () => times,
    tensors: async () => {
      times++;
      return tensorsAt(0);
    },
  };
}
