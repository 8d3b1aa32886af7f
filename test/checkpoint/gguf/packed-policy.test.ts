/** Policies of GGUF files whose matrices stay packed, beside the same in f32. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openDecoder } from '../../../src/checkpoint/folder.ts';
import { type FrozenChoice, frozenAs } from '../../../src/checkpoint/frozen.ts';
import { openEngine } from '../../../src/checkpoint/open-engine.ts';
import { openWeights, readWeights } from '../../../src/checkpoint/weight-files.ts';
import { PROJECTIONS, tensorShapes } from '../../../src/engine/config.ts';
import type { Engine, EngineOptions, LoraShape } from '../../../src/engine/engine.ts';
import { gemma2Decoder } from '../../../src/engine/families.ts';
import { initialAdapters } from '../../../src/engine/lora.ts';
import { packedFormats } from '../../../src/engine/packed.ts';
import { randomRows, startOf } from '../../../src/engine/self-check/cases.ts';
import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { layoutDecoder } from '../../../src/engine/webgpu/memory/parameters.ts';
import { onDevice } from '../../device/on-device.ts';
import { fixturePath } from '../../engine/fixtures.ts';
import { type RandomLlama, writeRandomLlama } from './random-policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-packed-'));
afterAll(() => rmSync(folder, { recursive: true }));

const all = (kind: string) => ({
  ...{ token_embd: kind, attn_q: kind, attn_k: kind, attn_v: kind, attn_output: kind },
  ...{ ffn_gate: kind, ffn_up: kind, ffn_down: kind },
});
const sizes = { hidden: 64, inner: 256, heads: 4, keyValueHeads: 2, vocabulary: 203 };

/** Each in a way of its own. */
const llamas: Readonly<Record<string, RandomLlama>> = {
  Q4_0: { ...sizes, kinds: all('Q4_0') },
  Q4_1: { ...sizes, kinds: { ...all('Q4_1'), token_embd: 'Q8_0' } },
  Q8_0: { ...sizes, kinds: { ...all('Q8_0'), output: 'Q4_1' } },
  // Queries, keys and values lie together: packed in two ways, they are not. Nor is what engines do not pack.
  mixed: {
    ...sizes,
    kinds: {
      ...{ token_embd: 'F32', output: 'Q8_0', attn_q: 'Q4_0', attn_k: 'Q4_0', attn_v: 'Q8_0' },
      ...{ attn_output: 'Q4_1', ffn_gate: 'Q4_0', ffn_up: 'Q4_0', ffn_down: 'Q6_K' },
    },
  },
  // Heads of two, which are padded: of a layer only the feed-forward's matrices are packed.
  padded: { ...sizes, heads: 32, keyValueHeads: 16, kinds: all('Q4_1') },
};
const names = Object.keys(llamas);

async function opened(name: string) {
  const path = join(folder, name);
  writeRandomLlama(path, llamas[name] as RandomLlama);
  return openDecoder(path);
}

const lora: LoraShape = { rank: 4, scale: 0.5, targets: PROJECTIONS };

/** Everything that comes of a policy with adapters: logprobs, a sample, gradients. */
async function outcome(engine: Engine) {
  const { config } = engine;
  await engine.setWeights(initialAdapters(config, lora, 1));
  const rows = randomRows([40, 12, 3], config.vocabSize);
  const before = await engine.forward(rows);
  await engine.backward(new Float32Array(before.length).fill(0.1));
  await engine.update({
    ...{ learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-4, weightDecay: 0.1, clipNorm: 1 },
  });
  const logprobs = await engine.forward(rows);
  await engine.backward(new Float32Array(before.length).fill(0.1));
  const sampler = engine.sampler({ slots: 2, maxLength: 40 });
  const sample = await sampler.sample({
    ...{ prompt: [1, 2, 3], maxTokens: 20, temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: 7n },
  });
  sampler.close();
  return { before, logprobs, sample, gradients: await engine.gradients() };
}

async function outcomeOf(open: Promise<Engine>) {
  const engine = await open;
  try {
    return await outcome(engine);
  } finally {
    await engine.close();
  }
}

onDevice('a policy of a GGUF file', () => {
  test.each(names)('%s: packed gives what f32 gives, to the bit', async (name) => {
    const policy = await opened(name);
    const run = (frozen: FrozenChoice) => outcomeOf(openEngine(policy, { device: 'webgpu', lora, frozen }));
    const whole = await run('f32');
    expect(whole.logprobs).not.toEqual(whole.before);
    expect(await run('packed')).toEqual(whole);
    expect(await run('auto')).toEqual(whole);
  });

  test.each(names)('%s: its weights come back, to the bit, and cannot be set', async (name) => {
    const policy = await opened(name);
    const engine = await openEngine(policy, { device: 'webgpu', training: false });
    const weights = await readWeights(policy);
    expect(await engine.weights()).toEqual(weights);
    const others = new Map(
      [...weights].map(([tensor, values]) => [tensor, values.map((value) => value + 1)]),
    );
    await expect(engine.setWeights(others)).rejects.toThrow(/cannot be set to other numbers/);
    // None of them.
    expect(await engine.weights()).toEqual(weights);
    await engine.close();
  });

  test.each(names)('%s: cut into pieces and tiles, the same bits', async (name) => {
    const policy = await opened(name);
    const weights = await openWeights(policy);
    const run = (frozen: NonNullable<EngineOptions['frozen']>) =>
      outcomeOf(
        createWebGpuEngine(policy.config, weights, {
          ...{ lora, frozen, logitBytes: 64 * 1024 },
          weightLimits: { largestBinding: 64 * 256, largestBuffer: 2 ** 17 },
        }),
      );
    expect(await run(weights.packed)).toEqual(await run('f32'));
    await weights.close();
  });
});

onDevice('packed weights of a Gemma', () => {
  // Whose embedding is scaled, by no power of two, and whose branches are normed.
  const config = gemma2Decoder({
    ...{ vocabSize: 101, hiddenSize: 96, intermediateSize: 64, layers: 2, heads: 4, keyValueHeads: 2 },
    ...{ headSize: 8, maxPositions: 64, window: 7 },
  });

  test.each(packedFormats)('as %s give what f32 gives, to the bit', async (format) => {
    const matrices = [...tensorShapes(config)].filter(([, shape]) => shape.length === 2);
    const packed = new Map(matrices.map(([name]) => [name, format]));
    const { weights } = startOf({ name: format, config, options: { lora, frozen: packed } });
    const run = (frozen: NonNullable<EngineOptions['frozen']>) =>
      outcomeOf(createWebGpuEngine(config, weights, { lora, frozen }));
    expect(await run(packed)).toEqual(await run('f32'));
  });
});

describe('a policy of a GGUF file', () => {
  test('is the same for the float64 reference', async () => {
    const policy = await opened('mixed');
    const run = (frozen: FrozenChoice) =>
      outcomeOf(openEngine(policy, { device: 'reference', lora, frozen }));
    expect(await run('packed')).toEqual(await run('f32'));
  });

  test('packs the slabs that are packed in one way, and no others', async () => {
    const formats = async (name: string) => {
      const { packed, close } = await openWeights(await opened(name));
      await close();
      const { slabs } = layoutDecoder((await opened(name)).config, limits, packed);
      return [...['embed', 'head'], ...['qkv', 'o', 'gateUp', 'down'].map((linear) => `${linear}.1`)].map(
        (slab) => slabs.get(slab)?.format,
      );
    };
    const limits = { largestBinding: 2 ** 30, largestBuffer: 2 ** 30 };
    expect(await formats('Q4_1')).toEqual(['q8_0', 'q8_0', 'q4_1', 'q4_1', 'q4_1', 'q4_1']);
    expect(await formats('Q8_0')).toEqual(['q8_0', 'q4_1', 'q8_0', 'q8_0', 'q8_0', 'q8_0']);
    expect(await formats('mixed')).toEqual(['f32', 'q8_0', 'f32', 'q4_1', 'q4_0', 'f32']);
    expect(await formats('padded')).toEqual(['q4_1', 'q4_1', 'f32', 'f32', 'q4_1', 'q4_1']);
  });

  test('takes the memory of its blocks', async () => {
    const policy = await opened('Q4_0');
    const { config } = policy;
    const { packed, close } = await openWeights(policy);
    await close();
    const limits = { largestBinding: 2 ** 30, largestBuffer: 2 ** 30 };
    const bytes = (frozen: Parameters<typeof layoutDecoder>[2]) => {
      const { buffers, slabs } = layoutDecoder(config, limits, frozen);
      // Vectors lie between the matrices.
      return buffers.reduce((sum, each) => sum + each, 0) - 4 * (slabs.get('norms')?.rows ?? 0) * 64;
    };
    // 20 bytes for 128.
    expect(bytes(packed) / bytes('f32')).toBeCloseTo(20 / 128, 2);
  });

  test('is packed where that is asked for, or nothing is said', async () => {
    const weights = await openWeights(await opened('mixed'));
    expect(frozenAs('auto', weights)).toBe(weights.packed);
    expect(frozenAs('packed', weights)).toBe(weights.packed);
    expect([frozenAs('f32', weights), frozenAs('bf16', weights)]).toEqual(['f32', 'bf16']);
    await weights.close();
  });

  test('packed is refused where nothing is packed', async () => {
    const policy = await openDecoder(fixturePath('llama-bf16'));
    await expect(openEngine(policy, { device: 'reference', lora, frozen: 'packed' })).rejects.toThrow(
      /frozen: packed: expected weights in Q4_0, Q4_1 or Q8_0 .*found BF16/,
    );
  });
});
