import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Engine, SampleRequest } from '../../../src/engine/engine.ts';
import { gemma2Decoder } from '../../../src/engine/families.ts';
import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { normal } from '../../../src/random.ts';
import { onDevice } from '../../device/on-device.ts';
import { filledWeights } from '../filled-weights.ts';
import { largestError } from '../fixtures.ts';
import { samplerContract } from '../sampler-contract.ts';

onDevice('the WebGPU sampler', () => {
  samplerContract('webgpu', createWebGpuEngine);
  samplerContract('webgpu, spans of a vocabulary', (config, weights) =>
    createWebGpuEngine(config, weights, { narrowFrom: 1 }),
  );
});

onDevice('reading spans of a vocabulary in place of logits', () => {
  /** No multiple of a span, nor of 4. */
  const config = gemma2Decoder({
    ...{ vocabSize: 5003, hiddenSize: 16, intermediateSize: 32, layers: 1, heads: 2, keyValueHeads: 1 },
    ...{ headSize: 8, maxPositions: 128, window: 300 },
  });
  const engines: Engine[] = [];
  beforeAll(async () => {
    const weights = filledWeights(config, ({ tensor, index }) => 0.8 * normal(BigInt(tensor), index));
    const open = (options: Parameters<typeof createWebGpuEngine>[2]) =>
      createWebGpuEngine(config, weights, options);
    engines.push(
      await open({ narrowFrom: Number.POSITIVE_INFINITY }),
      await open({}),
      // The vocabulary in several tiles, and the head in several pieces.
      await open({ logitBytes: 4 * 64 * 1024 }),
      await open({ weightLimits: { largestBinding: 2 ** 17, largestBuffer: 2 ** 17 } }),
    );
  });
  afterAll(() => Promise.all(engines.map((engine) => engine.close())));

  test.each([
    ['greedy', { temperature: 0 }],
    ['all tokens', {}],
    ['all tokens, hot', { temperature: 1.7 }],
    ['top-k', { topK: 40 }],
    ['top-p', { topP: 0.9 }],
    ['both, cold', { topP: 0.8, topK: 300, temperature: 0.6 }],
  ] as const)('%s: the tokens are those of whole rows', async (_, how) => {
    const sampled = async (engine: Engine) => {
      const sampler = engine.sampler({ slots: 12, maxLength: 128 });
      const requests = Array.from({ length: 24 }, (_, i): SampleRequest => {
        const prompt = Array.from({ length: 1 + (i % 7) }, (_, n) => (i * 7919 + n * 31) % config.vocabSize);
        const all = { maxTokens: 12, temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: BigInt(i) };
        return { prompt, ...all, ...how };
      });
      const samples = await Promise.all(requests.map((request) => sampler.sample(request)));
      sampler.close();
      return samples;
    };
    const [whole, narrowed, tiles, pieces] = [
      await sampled(engines[0]),
      await sampled(engines[1]),
      await sampled(engines[2]),
      await sampled(engines[3]),
    ];
    expect(narrowed.map(({ tokens }) => tokens)).toEqual(whole.map(({ tokens }) => tokens));
    for (const [i, { logprobs }] of narrowed.entries()) {
      expect(largestError(logprobs, whole[i].logprobs)).toBeLessThan(1e-5);
    }
    // Whatever the tiles, to the bit.
    expect(tiles).toEqual(narrowed);
    expect(pieces.map(({ tokens }) => tokens)).toEqual(whole.map(({ tokens }) => tokens));
  });
});
