import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import { readWeights } from '../../src/checkpoint/weight-files.ts';
import { hashWeights } from '../../src/checkpoint/weights-hash.ts';
import { tensorShapes } from '../../src/engine/config.ts';
import { ConfigError } from '../../src/errors.ts';
import { type BaseDeps, baseConfig, makeBasePolicy, publishBase } from '../../src/lab/base.ts';
import { labTokenizer } from '../../src/lab/vocabulary.ts';

const tiny = baseConfig.parse({
  updates: 6,
  trajectories: 2,
  checkpointEvery: 2,
  warmupSteps: 2,
  shape: {
    ...{ hiddenSize: 8, intermediateSize: 16, layers: 1, heads: 2, keyValueHeads: 1, headSize: 4 },
    ...{ maxPositions: 256, slidingWindow: 256 },
  },
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-lab-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function deps(name: string, onUpdate: BaseDeps['onUpdate'] = () => {}): BaseDeps {
  return {
    folder: join(folder, name),
    openEngine: (policy) => openEngine(policy, { device: 'reference' }),
    onUpdate,
    now: () => 0,
    signal: new AbortController().signal,
  };
}

describe('a base policy', () => {
  test('is the same whether or not its making was stopped and gone on with, and says how it was made', async () => {
    const logprobs: number[] = [];
    const whole = await makeBasePolicy(
      tiny,
      deps('whole', ({ meanLogprob }) => logprobs.push(meanLogprob)),
    );
    expect(logprobs.length).toBe(6);
    expect(logprobs.every((value) => value < 0)).toBe(true);

    const stop = new AbortController();
    const stopAfterThree = deps('parts', ({ step }) => {
      if (step === 3) stop.abort(new Error('stopped by the test'));
    });
    await expect(makeBasePolicy(tiny, { ...stopAfterThree, signal: stop.signal })).rejects.toThrow(
      'stopped by the test',
    );
    const steps: number[] = [];
    const rest = await makeBasePolicy(
      tiny,
      deps('parts', ({ step }) => steps.push(step)),
    );
    // The third update was not in a checkpoint, and is made again.
    expect(steps).toEqual([3, 4, 5, 6]);
    expect(rest.weightsHash).toBe(whole.weightsHash);

    const published = join(folder, 'published');
    await publishBase(rest, published, tiny);
    const policy = await openPolicy(published);
    expect(hashWeights(await readWeights(policy), tensorShapes(policy.config))).toBe(whole.weightsHash);
    const made = JSON.parse(await readFile(join(published, 'lab.json'), 'utf8')) as object;
    expect(made).toEqual({ weightsHash: whole.weightsHash, device: rest.device, settings: tiny });
    expect(await readdir(published)).not.toContain('optimizer.safetensors');
  });

  test('is not gone on with under other settings', async () => {
    await makeBasePolicy({ ...tiny, updates: 2 }, deps('one'));
    const other = makeBasePolicy({ ...tiny, updates: 2, seed: 2 }, deps('one'));
    await expect(other).rejects.toThrow(ConfigError);
    await expect(other).rejects.toThrow('other settings');
  });

  test('is not made where something else lies', async () => {
    await mkdir(join(folder, 'mine', 'policy'), { recursive: true });
    await writeFile(join(folder, 'mine', 'policy', 'thesis.txt'), 'years of work');
    await expect(makeBasePolicy(tiny, deps('mine'))).rejects.toThrow('found a folder without base.json');
    expect(await readdir(join(folder, 'mine', 'policy'))).toEqual(['thesis.txt']);
  });

  test('that ships with Swirl has the vocabulary and the weights that its files say', async () => {
    const shipped = new URL('../../assets/base-policy/', import.meta.url).pathname;
    const policy = await openPolicy(shipped);
    const tokenizer = JSON.parse(await readFile(join(shipped, 'tokenizer.json'), 'utf8')) as unknown;
    expect(tokenizer).toEqual(labTokenizer().json);
    const made = JSON.parse(await readFile(join(shipped, 'lab.json'), 'utf8')) as {
      weightsHash: string;
      settings: unknown;
    };
    expect(hashWeights(await readWeights(policy), tensorShapes(policy.config))).toBe(made.weightsHash);
    // What `swirl lab base` would make again.
    expect(baseConfig.parse({})).toEqual(made.settings);
  });
});
