import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readAdapter } from '../../src/checkpoint/adapter-folder.ts';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import { readWeights } from '../../src/checkpoint/weight-files.ts';
import { hashWeights } from '../../src/checkpoint/weights-hash.ts';
import { tensorShapes } from '../../src/engine/config.ts';
import { initialAdapters } from '../../src/engine/lora.ts';
import { packRows } from '../../src/engine/rows.ts';
import { fileInput } from '../../src/input/input.ts';
import { openRun } from '../../src/open-run.ts';
import { readTopicRecords } from '../../src/questions/topic-records.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { trainConfig } from '../../src/train/config.ts';
import { type Learner, openLearner } from '../../src/train/open-learner.ts';

const fixtures = fileURLToPath(new URL('../fixtures/train/gemma2', import.meta.url));
const rows = packRows([{ tokens: [2, 9, 40, 41, 11, 7], targets: [2, 3, 5] }]);
const step = { learningRate: 0.05, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };
const lora = { kind: 'lora', rank: 2, alpha: 5, targets: ['q_proj', 'up_proj'] } as const;

let folder: string;
const learners: Learner[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-learner-'));
  await cp(fixtures, folder, { recursive: true });
});
afterEach(async () => {
  for (const learner of learners.splice(0)) await learner.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(checkpoint: string, settings: object, seed = 5): Promise<Learner> {
  const learner = await openLearner({
    config: trainConfig.parse(settings),
    model: { checkpoint: join(folder, checkpoint), device: 'reference' },
    seed,
    onFallback: () => {},
  });
  learners.push(learner);
  return learner;
}

/** Trains on some tokens; the initial policy must go on saying what it said, and not be in the way. */
async function expectHeld({ engine, initial }: Learner): Promise<void> {
  const before = await engine.forward(rows);
  expect(await initial?.forward(rows)).toEqual(before);
  for (let i = 0; i < 3; i++) {
    await engine.forward(rows);
    await engine.backward(Float32Array.of(1, -1, 0.5));
    const gradients = await engine.gradients();
    const weights = await engine.weights();
    expect(await initial?.forward(rows)).toEqual(before);
    expect(await engine.gradients()).toEqual(gradients);
    expect(await engine.weights()).toEqual(weights);
    await engine.update(step);
  }
  expect(await engine.forward(rows)).not.toEqual(before);
}

describe('openLearner', () => {
  test('full: every weight is trained, and the initial policy is kept where KL needs it', async () => {
    const learner = await open('policy', { beta: 0.1 });
    const policy = await openPolicy(join(folder, 'policy'));
    expect(await learner.engine.weights()).toEqual(await readWeights(policy));
    expect(learner.form.shapes).toEqual(tensorShapes(policy.config));
    await expectHeld(learner);
    expect((await open('policy', {})).initial).toBeUndefined();
  });

  test('lora: fresh adapters of the seed, which change nothing at first; the initial policy is the one under them', async () => {
    const learner = await open('policy', { parameters: lora, beta: 0.1 });
    const { config } = await openPolicy(join(folder, 'policy'));
    const shape = { rank: 2, scale: 2.5, targets: lora.targets };
    expect(await learner.engine.weights()).toEqual(initialAdapters(config, shape, 5));
    await expectHeld(learner);
    const weights = async (seed: number) =>
      (await open('policy', { parameters: lora }, seed)).engine.weights();
    expect(await weights(6)).not.toEqual(await weights(5));
  });

  test('lora on a folder of adapters: the initial policy is as they are, not as it is without them', async () => {
    const made = await open('policy', { parameters: lora });
    await made.engine.forward(rows);
    await made.engine.backward(Float32Array.of(1, 1, 1));
    await made.engine.update(step);
    const trained = await made.engine.weights();
    await made.form.save(join(folder, 'adapter'), trained, async () => {});
    expect((await readAdapter(join(folder, 'adapter'), made.engine.config)).tensors).toEqual(trained);

    const learner = await open('adapter', { parameters: lora, beta: 0.1 });
    expect(await learner.engine.weights()).toEqual(trained);
    expect(await learner.engine.forward(rows)).not.toEqual(await learner.engine.forwardBase(rows));
    await expectHeld(learner);
    expect(learner.origins).toMatchObject({ frozenWeights: made.origins?.frozenWeights });

    const policy = await openPolicy(join(folder, 'adapter'));
    const scoring = await openEngine(policy, { device: 'reference' });
    expect(await scoring.forward(rows)).toEqual(await made.engine.forward(rows));
    await scoring.close();
    await expect(open('adapter', {})).rejects.toThrow(
      /stages.train.parameters: \{ kind: lora, rank: 2, alpha: 5, targets: \[q_proj, up_proj\] \}/,
    );
    const other = open('adapter', { parameters: { ...lora, rank: 4 } });
    await expect(other).rejects.toThrow(/expected adapters of rank 4/);
  });

  test('rank-stabilized adapters are scaled by the root of the rank, and the alpha is twice the rank by default', async () => {
    const scale = async (settings: object) =>
      (await open('policy', { parameters: { kind: 'lora', rank: 4, ...settings } })).engine.lora?.scale;
    expect(await scale({})).toBe(2);
    expect(await scale({ alpha: 6, rankStabilized: true })).toBe(3);
  });

  test.each([
    ['full', {}],
    ['adapters', { parameters: lora }],
  ])('%s: reset sets the initial weights and a new optimizer again', async (_, settings) => {
    const { engine, reset } = await open('policy', settings);
    const before = { weights: await engine.weights(), optimizer: await engine.optimizer() };
    await engine.forward(rows);
    await engine.backward(Float32Array.of(1, -1, 0.5));
    await engine.update(step);
    expect(await engine.weights()).not.toEqual(before.weights);
    await reset();
    expect({ weights: await engine.weights(), optimizer: await engine.optimizer() }).toEqual(before);
  });

  test('the frozen weights are named by the hash that the whole policy has', async () => {
    const { origins } = await open('policy', { parameters: lora });
    const policy = await openPolicy(join(folder, 'policy'));
    expect(origins?.frozenWeights).toBe(hashWeights(await readWeights(policy), tensorShapes(policy.config)));
  });
});

describe('a run that trains adapters', () => {
  async function run(changes: object = {}) {
    const topology = resolveTopology(
      {
        policy: { kind: 'local', checkpoint: 'policy', device: 'reference' },
        tasks: { sums: { instructions: 'Add up.' } },
        fed: ['scored'],
        stages: { train: { parameters: lora, batch: { trajectories: 4 } } },
        ...changes,
      },
      folder,
    );
    const opened = await openRun(topology);
    try {
      const { signal } = new AbortController();
      if ((await opened.transport.topics()).find(({ name }) => name === 'scored')?.offsets[0]?.end === 0)
        await opened.feed('scored', readTopicRecords('scored', fileInput(join(folder, 'scored.jsonl'))));
      const started = await opened.start({ untilDrained: true, stop: signal, abort: signal });
      return await started.finished;
    } finally {
      await opened.close();
    }
  }

  test('goes on with the same seed and policy, and with no other', async () => {
    expect(await run()).toBe('drained');
    expect(await run()).toBe('drained');
    await expect(run({ seed: 1 })).rejects.toThrow(
      /begun with other settings.*\n.*seed: 0 in the run, 1 given/,
    );
    const other = { ...lora, rank: 3 };
    await expect(
      run({ stages: { train: { parameters: other, batch: { trajectories: 4 } } } }),
    ).rejects.toThrow(/begun with other settings.*\n.*parameters\.rank: \d+ in the run, 3 given/);
    const file = join(folder, 'policy', 'model.safetensors');
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 2) ^ 1, bytes.length - 2);
    await writeFile(file, bytes);
    await expect(run()).rejects.toThrow(/other settings \(frozenWeights was [0-9a-f]{64} and is/);
  });
});
