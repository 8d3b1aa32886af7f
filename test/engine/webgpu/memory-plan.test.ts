import { describe, expect, test } from '@jest/globals';
import { initialWeights } from '../../../src/checkpoint/new-policy.ts';
import { Device } from '../../../src/device/device.ts';
import { type DecoderConfig, PROJECTIONS, sizeOf, tensorShapes } from '../../../src/engine/config.ts';
import type { EngineOptions } from '../../../src/engine/engine.ts';
import { gemma2Decoder, parseDecoderConfig } from '../../../src/engine/families.ts';
import { packRows } from '../../../src/engine/rows.ts';
import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { adviceFor, checkMemory, faultsOf } from '../../../src/engine/webgpu/memory/memory-advice.ts';
import { mostBatchTokens, planMemory } from '../../../src/engine/webgpu/memory/memory-plan.ts';
import { ConfigError } from '../../../src/errors.ts';
import { onDevice } from '../../device/on-device.ts';

const GiB = 2 ** 30;

/** What NVIDIA's driver gives WebGPU on a card of 24 GiB. */
const card = {
  ...{ name: 'a card', software: false, memory: 24 * GiB },
  ...{ largestBinding: 2 ** 31 - 4, largestBuffer: 2 ** 40 },
};

const gemma2b = parseDecoderConfig(
  {
    ...{ model_type: 'gemma2', vocab_size: 256000, hidden_size: 2304, intermediate_size: 9216 },
    ...{ num_hidden_layers: 26, num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256 },
  },
  'gemma-2-2b',
);
const lora = { rank: 16, scale: 2, targets: PROJECTIONS };

describe("the plan of Gemma 2 2b's shape, by arithmetic", () => {
  const parameters = 2_614_341_888;
  const layers = 26;
  // Per layer: q (2304 to 2048), k and v (to 1024), o (2048 to 2304), gate and up (2304 to 9216), down (9216
  // to 2304).
  const adapters = layers * 16 * (4352 + 2 * 3328 + 4352 + 2 * 11520 + 11520);

  test('training every weight: weights, gradient and two moments in f32', () => {
    const request = { config: gemma2b, options: {}, batchTokens: 4096, sampler: null };
    const { parts } = planMemory(request, card);
    expect(parts.weights).toBe(4 * parameters);
    expect(parts.gradients).toBe(4 * parameters);
    expect(parts.optimizer).toBe(8 * parameters);
    expect(parts.cache).toBe(0);
  });

  test('LoRA on frozen bf16: half the matrices, vectors in f32, and the adapters four times', () => {
    const options = { lora, frozen: 'bf16', recompute: true } as const;
    const { parts } = planMemory({ config: gemma2b, options, batchTokens: 4096, sampler: null }, card);
    const vectors = [...tensorShapes(gemma2b).values()]
      .filter((shape) => shape.length === 1)
      .reduce((sum, shape) => sum + sizeOf(shape), 0);
    expect(parts.weights).toBe(2 * (parameters - vectors) + 4 * vectors);
    expect(parts.adapters).toBe(4 * adapters);
    expect(parts.gradients).toBe(4 * adapters);
    expect(parts.optimizer).toBe(8 * adapters);
    // The streams of 27 places, and what one layer, the head's tile and the backward pass need.
    const streams = 27 * 4096 * 2304 * 4;
    expect(parts.activations).toBeGreaterThan(streams + 2 ** 29);
    expect(parts.activations).toBeLessThan(streams + 2 ** 29 + 4096 * 4 * (14 * 2304 + 7 * 9216 + 12 * 4096));
  });

  test('the cache: half of the layers keep their window and a chunk, half the whole context', () => {
    const sampler = { slots: 8, maxLength: 8192, chunk: 256 };
    const { parts } = planMemory(
      { config: gemma2b, options: { training: false, frozen: 'bf16' }, batchTokens: null, sampler },
      card,
    );
    const row = 2 * 4 * 4 * 256;
    // And the keys or values of one layer and slot, on their way to another slot.
    expect(parts.cache).toBe(8 * 13 * (4096 + 256 + 8192) * row + (8192 * row) / 2);
    expect([parts.gradients, parts.optimizer]).toEqual([0, 0]);
    // Nothing is trained, so matrices may stay as the checkpoint has them.
    expect(parts.weights).toBeLessThan(2.01 * parameters);
  });

  test('what does not fit is said with what would', () => {
    const whole = { config: gemma2b, options: {}, batchTokens: 4096, sampler: null };
    expect(() => checkMemory(whole, card)).toThrow(ConfigError);
    expect(() => checkMemory(whole, card)).toThrow(
      /does not fit a card: expected at most 24\.0 GiB of memory, found a need of 59\.\d GiB[\s\S]*kind: lora, rank: 16, frozen: bf16/,
    );
    const exact = new Map([...tensorShapes(gemma2b).keys()].map((name) => [name, 'q4_0'] as const));
    expect(adviceFor({ ...whole, exact }, card).join('\n')).toMatch(/kind: lora, rank: 16, frozen: packed/);
    const adapted = { ...whole, options: { lora, frozen: 'bf16' } as const };
    const advice = adviceFor(adapted, card);
    expect(advice.join('\n')).toMatch(/^recompute: true \(8\.\d GiB\)\nbatches of at most \d+ tokens/);
    const tokens = mostBatchTokens(adapted, card, card.memory);
    expect(faultsOf(planMemory({ ...adapted, batchTokens: tokens }, card), card)).toEqual([]);
    expect(faultsOf(planMemory({ ...adapted, batchTokens: tokens + 64 }, card), card)).not.toEqual([]);
  });

  test('a buffer that the adapter cannot bind is named', () => {
    const small = { ...card, name: 'lavapipe', largestBinding: 2 ** 27, memory: null };
    const options = { lora, frozen: 'bf16', recompute: true } as const;
    const request = { config: gemma2b, options, batchTokens: 4096, sampler: null };
    expect(() => checkMemory(request, small)).toThrow(
      /the buffer (d?gateUp) needs 288\.0 MiB, and the adapter binds at most 128\.0 MiB[\s\S]*batches of at most 1792 tokens/,
    );
    // Weights are never the reason: they are sharded.
    expect(() => checkMemory({ ...request, batchTokens: 1792 }, small)).not.toThrow();
  });
});

const config: DecoderConfig = gemma2Decoder({
  ...{ vocabSize: 300, hiddenSize: 32, intermediateSize: 64, layers: 3, heads: 4, keyValueHeads: 2 },
  ...{ headSize: 16, maxPositions: 256, window: 16 },
});

onDevice('the plan and what is allocated', () => {
  const cases: [string, EngineOptions][] = [
    ['every weight', {}],
    ['every weight, computed again', { recompute: true }],
    ['adapters', { lora: { rank: 6, scale: 1, targets: ['q_proj', 'down_proj'] }, frozen: 'bf16' }],
  ];

  test.each(cases)('%s: the plan is the sum of the buffers', async (_name, options) => {
    const device = await Device.shared();
    // A device's first engine tries the families of matmuls, on buffers of their own.
    await (await createWebGpuEngine(config, initialWeights(config, 1), options)).close();
    const made: { label: string; size: number }[] = [];
    const create = device.gpu.createBuffer.bind(device.gpu);
    device.gpu.createBuffer = (descriptor) => {
      const { label = '', size, usage } = descriptor;
      if (usage & GPUBufferUsage.STORAGE) made.push({ label, size });
      return create(descriptor);
    };
    try {
      const sampling = { slots: 4, maxLength: 100 };
      const engine = await createWebGpuEngine(config, initialWeights(config, 1), {
        ...options,
        ...{ batchTokens: 192, sampling },
      });
      const row = { tokens: Array.from({ length: 192 }, (_, i) => i), targets: [5, 100] };
      await engine.forward(packRows([{ ...row, targets: Array.from({ length: 191 }, (_, i) => i + 1) }]));
      await engine.backward(new Float32Array(191).fill(0.01));
      const plan = planMemory({ config, options, batchTokens: 192, sampler: null }, device.adapter);
      // Besides the parts there are the RoPE table, the norm, and the optimizer's partial sums.
      const others = /^(policy\.ropeTable|optimizer\.(partials|norm))$/;
      const sum = made
        .filter(({ label }) => !others.test(label))
        .reduce((total, { size }) => total + size, 0);
      expect(Math.abs(sum - plan.total)).toBeLessThan(16 * made.length);
      made.splice(0);
      const sampler = engine.sampler(sampling);
      const request = { ...{ prompt: [1], maxTokens: 1, temperature: 1, topP: 1 }, topK: 0, stopTokens: [] };
      await sampler.sample({ ...request, seed: 1n });
      const cache = made.filter(({ label }) => label.startsWith('cache.'));
      const sampled = planMemory({ config, options, batchTokens: null, sampler: sampling }, device.adapter);
      expect(cache.reduce((total, { size }) => total + size, 0)).toBe(sampled.parts.cache);
      await engine.close();
    } finally {
      device.gpu.createBuffer = create;
    }
  });

  test('a batch that cannot be had is refused before anything is allocated', async () => {
    const huge = { ...config, vocabSize: 64, intermediateSize: 2 ** 16 };
    const device = await Device.shared();
    let made = 0;
    const create = device.gpu.createBuffer.bind(device.gpu);
    device.gpu.createBuffer = (descriptor) => {
      made++;
      return create(descriptor);
    };
    try {
      const opened = createWebGpuEngine(huge, { read: async () => {} }, { batchTokens: 2 ** 18 });
      await expect(opened).rejects.toThrow(/does not fit .*the buffer .* needs/s);
      expect(made).toBe(0);
    } finally {
      device.gpu.createBuffer = create;
    }
  });
});
