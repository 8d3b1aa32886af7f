/** What Swirl saves after training, opened by transformers and PEFT (test/fixtures/open-saved.py). */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { saveAdapter } from '../../src/checkpoint/adapter-folder.ts';
import { openDecoder, openLanguageOf, savePolicy } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import type { Engine, LoraShape } from '../../src/engine/engine.ts';
import { initialAdapters } from '../../src/engine/lora.ts';
import { packRows } from '../../src/engine/rows.ts';
import { fixtureAdamW, fixturePath, largestError } from './fixtures.ts';

const script = fileURLToPath(new URL('../fixtures/open-saved.py', import.meta.url));
const python = process.env.SWIRL_PYTHON ?? '/opt/ref/bin/python';
const missing = whatIsMissing();
const text = 'She sold 48 clips. <answer>Zoë</answer>';
const ids = [5, 3, 17, 9, 9, 30, 2, 11, 24];
const lora: LoraShape = { rank: 3, scale: 4 / 3, targets: ['q_proj', 'v_proj', 'o_proj', 'down_proj'] };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-saved-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Why the test cannot run here; undefined where it can. */
function whatIsMissing(): string | undefined {
  if (!existsSync(python))
    return `no ${python}; set SWIRL_PYTHON to a Python with torch, transformers and peft`;
  const { status } = spawnSync(python, [
    '-c',
    'from importlib.util import find_spec as f; assert f("torch") and f("peft")',
  ]);
  return status === 0 ? undefined : `${python} has no torch and peft`;
}

interface Answer {
  readonly logprobs: number[];
  readonly dtype: string;
  readonly trainable: number;
  readonly spelled: number[] | null;
}

async function logprobs(engine: Engine): Promise<Float32Array> {
  return engine.forward(packRows([{ tokens: ids, targets: ids.map((_, i) => i).slice(1) }]));
}

/** Some updates, after which nothing is as it was. */
async function train(engine: Engine): Promise<void> {
  for (let step = 0; step < 3; step++) {
    const found = await logprobs(engine);
    await engine.backward(found.map((_, i) => (i % 3) - 0.8));
    await engine.update({ ...fixtureAdamW, learningRate: 1e-2 });
  }
}

/** Trains every weight of a fixture, or adapters on it, saves, and says where and what it then computes. */
async function saved(
  name: string,
  adapters: boolean,
): Promise<{ readonly folder: string; readonly ours: Float32Array }> {
  // In a folder of its own: adapters name it.
  const base = join(folder, `${name}-base`);
  await cp(fixturePath(name), base, { recursive: true });
  const decoder = await openDecoder(base);
  const engine = await openEngine(decoder, { device: 'reference', lora: adapters ? lora : null });
  try {
    if (adapters) await engine.setWeights(initialAdapters(decoder.config, lora, 5));
    const before = await logprobs(engine);
    await train(engine);
    const ours = await logprobs(engine);
    expect(largestError(ours, before)).toBeGreaterThan(1e-2);
    const path = join(folder, `${name}-${adapters}`);
    const weights = await engine.weights();
    if (adapters) await saveAdapter(path, { base: decoder, lora, tensors: weights });
    else await savePolicy(path, decoder, weights);
    return { folder: path, ours };
  } finally {
    await engine.close();
  }
}

const policies = [
  'capped-bf16-sharded',
  'llama-bf16',
  'llama-biased',
  'qwen2-sharded',
  'qwen3-f16',
  'gemma3-seeing',
  'made-bpe',
];
const bases = ['capped', 'qwen2-sharded', 'qwen3-f16', 'llama-bf16', 'gemma3-seeing', 'made-bpe'];

const here = missing === undefined ? test : test.skip;
here(`transformers and PEFT find the same logprobs${missing ? ` (skipped: ${missing})` : ''}`, async () => {
  const all: { readonly folder: string; readonly ours: Float32Array }[] = [];
  for (const name of policies) all.push(await saved(name, false));
  for (const name of bases) all.push(await saved(name, true));
  const requests = all.map((each) => ({ folder: each.folder, ids, text }));
  const { stdout, stderr, status } = spawnSync(python, [script], {
    input: JSON.stringify(requests),
    encoding: 'utf8',
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
  const answers = JSON.parse(stdout) as Answer[];
  expect(answers).toHaveLength(all.length);
  for (const [i, { folder: path, ours }] of all.entries()) {
    const answer = answers[i];
    const adapters = i >= policies.length;
    expect([path, largestError(ours, answer.logprobs) < 1e-4, answer.trainable > 0]).toEqual([
      path,
      true,
      adapters,
    ]);
    if (!adapters) expect([path, answer.dtype]).toEqual([path, 'torch.float32']);
    const language = await openLanguageOf(await openDecoder(path));
    expect(answer.spelled).toEqual(language?.tokenizer.encode(text) ?? null);
  }
});
