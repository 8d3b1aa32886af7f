import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DecoderConfig } from '../../../src/engine/config.ts';
import type { Engine, EngineOptions, Tensors } from '../../../src/engine/engine.ts';
import { gemma2Decoder } from '../../../src/engine/families.ts';
import { initialAdapters } from '../../../src/engine/lora.ts';
import { createReferenceEngine } from '../../../src/engine/reference/engine.ts';
import { packRows } from '../../../src/engine/rows.ts';
import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { paddedAt } from '../../../src/engine/webgpu/padding.ts';
import { normal } from '../../../src/random.ts';
import { onDevice } from '../../device/on-device.ts';
import { filledWeights } from '../filled-weights.ts';
import { fixtureAdamW, largestError, relativeError } from '../fixtures.ts';

test('heads of 6 are padded half by half', () => {
  const halves = { size: 3, padded: 4 };
  expect([0, 2, 3, 5, 6, 11].map((index) => paddedAt(halves, index))).toEqual([0, 2, 4, 6, 8, 14]);
});

onDevice('sizes that are no multiples of 4', () => {
  const sizes = fc.record({
    vocabSize: fc.integer({ min: 5, max: 90 }),
    hiddenSize: fc.integer({ min: 5, max: 30 }),
    intermediateSize: fc.integer({ min: 1, max: 40 }),
    headSize: fc.integer({ min: 1, max: 9 }).map((half) => 2 * half),
    keyValueHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    llama: fc.boolean(),
    lora: fc.boolean(),
    // Heads and tables in several pieces.
    small: fc.boolean(),
  });

  test('logprobs, gradients, updates and samples are those of the float64 reference', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async ({ group, llama, lora: adapts, small, ...of }) => {
        const gemma = gemma2Decoder({
          ...of,
          heads: group * of.keyValueHeads,
          layers: 2,
          maxPositions: 64,
          window: 5,
        });
        const config: DecoderConfig = llama
          ? {
              ...{ ...gemma, family: 'qwen3', normOffset: 0, postNorms: false, queryKeyNorms: true },
              ...{ biases: ['q_proj', 'k_proj', 'v_proj'], activation: 'silu', tiedHead: false },
            }
          : gemma;
        const weights = filledWeights(config, ({ tensor, index }) => 0.4 * normal(BigInt(tensor), index));
        const lora = adapts
          ? { rank: 3, scale: 0.7, targets: ['k_proj', 'o_proj', 'up_proj', 'down_proj'] as const }
          : null;
        const limits = { largestBinding: 2 ** 13, largestBuffer: 2 ** 14 };
        const found = await outcome(
          await createWebGpuEngine(config, weights, { lora, ...(small && { weightLimits: limits }) }),
          config,
          lora,
        );
        const expected = await outcome(await createReferenceEngine(config, weights, { lora }), config, lora);
        expect(largestError(found.logprobs, expected.logprobs)).toBeLessThan(1e-4);
        expect(found.sample.tokens).toEqual(expected.sample.tokens);
        for (const part of ['gradients', 'weights', 'm'] as const) {
          expect([...found[part].keys()]).toEqual([...expected[part].keys()]);
          for (const [name, values] of expected[part]) {
            const own = found[part].get(name) ?? [];
            expect([part, name, own.length, relativeError(own, values) < 1e-3]).toEqual([
              part,
              name,
              values.length,
              true,
            ]);
          }
        }
      }),
      { numRuns: 6, seed: 11 },
    );
  });

  async function outcome(
    engine: Engine,
    config: DecoderConfig,
    lora: NonNullable<EngineOptions['lora']> | null,
  ) {
    const started: Tensors | null = lora && initialAdapters(config, lora, 3);
    // Of zeros nothing would be learnt.
    for (const values of started?.values() ?? []) {
      for (let i = 0; i < values.length; i++) values[i] += 0.3 * normal(5n, i);
    }
    if (started) await engine.setWeights(started);
    const token = (i: number) => (i * i * 31 + i * 7) % config.vocabSize;
    const rows = packRows(
      [11, 2, 6].map((length) => ({
        tokens: Array.from({ length }, (_, i) => token(i + length)),
        targets: Array.from({ length: length - 1 }, (_, i) => i + 1),
      })),
    );
    const sampler = engine.sampler({ slots: 2, maxLength: 20, chunk: 3 });
    const all = { maxTokens: 6, temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: 3n };
    const sample = await sampler.sample({ prompt: [token(1), token(2), token(3), token(4)], ...all });
    sampler.close();
    const logprobs = await engine.forward(rows);
    await engine.backward(Float32Array.from(logprobs, (_, i) => Math.cos(i)));
    const gradients = await engine.gradients();
    // With a large epsilon an update is smooth in the gradient.
    await engine.update({ ...fixtureAdamW, epsilon: 1e-2 });
    const weights = await engine.weights();
    const { m } = await engine.optimizer();
    await engine.close();
    return { logprobs, gradients, sample, weights, m };
  }
});
