/**
 * `train` on records fed from a file gives the weights that PyTorch and PEFT make of them
 * (test/fixtures/make-train.py, which follows docs/guide.md and shares no code with Swirl).
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Tensors } from '../../src/engine/engine.ts';
import { fileInput } from '../../src/input/input.ts';
import { openRun } from '../../src/open-run.ts';
import { readTopicRecords } from '../../src/questions/topic-records.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import type { Update } from '../../src/topics/records.generated.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { onDevice } from '../device/on-device.ts';
import { workplace } from '../end-to-end/swirl-process.ts';
import { readTensors, relativeError } from '../engine/fixtures.ts';

const fixtures = fileURLToPath(new URL('../fixtures/train', import.meta.url));
const cases = [
  ['gemma2', 'full'],
  ['gemma2', 'kl'],
  ['gemma2', 'lora'],
  ['llama', 'full'],
  ['llama', 'kl'],
  ['llama', 'lora-again'],
  ['qwen2', 'full'],
  ['qwen2', 'ratio'],
  ['qwen3', 'full'],
  ['qwen3', 'lora'],
] as const;

interface Expected {
  readonly policy: 'policy' | 'adapter';
  readonly seed: number;
  readonly train: { readonly schedule: { readonly kind: string } };
  /** What each update says: numbers by the names of the fields of `updates`. */
  readonly updates: readonly Partial<Record<keyof Update, number>>[];
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-pytorch-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function expectedOf(family: string, name: string): Promise<Expected> {
  return JSON.parse(await readFile(join(fixtures, family, `${name}.json`), 'utf8')) as Expected;
}

/** The whole of a topology for such a job. */
function topologyOf(family: string, { policy, seed, train }: Expected, device: string) {
  const { schedule } = train;
  // The fixtures were made with schedules whose last update has the final rate.
  const stage = schedule.kind === 'constant' ? train : { ...train, schedule: { ...schedule, end: 'at' } };
  return {
    seed,
    policy: { kind: 'local', checkpoint: join(fixtures, family, policy), device },
    tasks: { sums: { instructions: 'Add up.' } },
    fed: ['scored'],
    stages: { train: stage },
  };
}

/** The trained tensors are those of PyTorch, measured against how far they moved. */
async function expectWeights(family: string, name: string, checkpoint: string): Promise<void> {
  const adapters = name.startsWith('lora');
  const file = adapters ? 'adapter_model.safetensors' : 'model.safetensors';
  const trained = await readTensors(join(checkpoint, file));
  const theirs = await readTensors(join(fixtures, family, `${name}.safetensors`));
  const before: Tensors = adapters
    ? new Map()
    : await readTensors(join(fixtures, family, 'policy', 'model.safetensors'));
  expect([...trained.keys()].sort()).toEqual([...theirs.keys()].sort());
  const moved = (weights: Tensors) =>
    [...theirs.keys()].flatMap((key) =>
      [...(weights.get(key) ?? [])].map((x, i) => x - (before.get(key)?.[i] ?? 0)),
    );
  expect(relativeError(moved(trained), moved(theirs))).toBeLessThan(1e-3);
  for (const [key, values] of theirs)
    expect([key, relativeError(trained.get(key) ?? [], values) < 1e-3]).toEqual([key, true]);
}

function expectUpdates(updates: readonly Update[], { updates: theirs }: Expected): void {
  expect(updates).toHaveLength(theirs.length);
  for (const [i, update] of updates.entries()) {
    for (const [field, value] of Object.entries(theirs[i] ?? {})) {
      const found = update[field as keyof Update] as number;
      expect([
        i,
        field,
        Math.abs(found - value) <= 1e-4 * Math.max(1, Math.abs(value)),
        found,
        value,
      ]).toEqual([i, field, true, found, value]);
    }
  }
}

async function trainOn(family: string, name: string, device: string): Promise<void> {
  const expected = await expectedOf(family, name);
  const run = await openRun(resolveTopology(topologyOf(family, expected, device), folder));
  try {
    await run.feed('scored', readTopicRecords('scored', fileInput(join(fixtures, family, 'scored.jsonl'))));
    const { signal } = new AbortController();
    const started = await run.start({ stages: ['train'], untilDrained: true, stop: signal, abort: signal });
    expect(await started.finished).toBe('drained');
    expect(await arrayOf(run.read('failures'))).toEqual([]);
    expectUpdates(await arrayOf(run.read('updates')), expected);
    await expectWeights(family, name, join(run.folder, 'checkpoints', `step-${expected.updates.length}`));
  } finally {
    await run.close();
  }
}

describe('trained as PyTorch trains', () => {
  test.each([
    ['gemma2', 'kl'],
    ['llama', 'lora-again'],
    ['qwen3', 'full'],
  ])('%s, %s: in float64', (family, name) => trainOn(family, name, 'reference'));

  test('with the commands, as a user would', async () => {
    const [family, name] = ['llama', 'kl'];
    const expected = await expectedOf(family, name);
    const place = workplace();
    try {
      place.write('job.yaml', { run: 'job', ...topologyOf(family, expected, 'reference') });
      const records = join(fixtures, family, 'scored.jsonl');
      const fed = await place.swirl(['feed', '--topic', 'scored', records, '-t', 'job.yaml']);
      expect([fed.code, fed.stderr]).toEqual([0, '']);
      const ran = await place.swirl(['run', 'job.yaml', '--stages', 'train', '--until-drained', '--json']);
      expect(JSON.parse(ran.stdout)).toMatchObject({ end: 'drained', failures: 0 });
      const checkpoints = place.path('runs', 'job', 'checkpoints');
      await expectWeights(family, name, join(checkpoints, `step-${expected.updates.length}`));
    } finally {
      await place.remove();
    }
  });
});

onDevice('trained as PyTorch trains, on the adapter', () => {
  test.each(cases)('%s, %s', (family, name) => trainOn(family, name, 'webgpu'));
});
