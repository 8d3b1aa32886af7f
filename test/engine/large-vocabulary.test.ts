import { expect, test } from '@jest/globals';
import { sizeOf, tensorShapes } from '../../src/engine/config.ts';
import type { Tensors } from '../../src/engine/engine.ts';
import { gemma2Decoder } from '../../src/engine/families.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import { createWebGpuEngine } from '../../src/engine/webgpu/engine.ts';
import { uniform } from '../../src/random.ts';
import { onDevice } from '../device/on-device.ts';
import { largestError, relativeError } from './fixtures.ts';

/**
 * Gemma's vocabulary and a long context, on a narrow decoder: what a full matrix of logits (2 GB) could not
 * hold here.
 */
const config = gemma2Decoder({
  ...{ vocabSize: 256_000, hiddenSize: 16, intermediateSize: 32, layers: 2, heads: 2, keyValueHeads: 1 },
  ...{ headSize: 8, maxPositions: 2048, window: 300 },
});

/**
 * Four million numbers: by arithmetic alone, because within Jest each use of a global costs a microsecond.
 */
function plainWeights(): Tensors {
  const tensors: Tensors = new Map();
  let seed = 1;
  for (const [name, shape] of tensorShapes(config)) {
    const values = new Float32Array(sizeOf(shape));
    for (let i = 0; i < values.length; i++) {
      seed = (seed * 16807) % 2147483647;
      values[i] = seed / 2147483647 - 0.5;
    }
    tensors.set(name, values);
  }
  return tensors;
}

onDevice('a context of 2,048 tokens and a vocabulary of 256,000', () => {
  test('logprobs, gradients and a sample as the float64 reference has them', async () => {
    const weights = plainWeights();
    const tokens = Array.from({ length: 2048 }, (_, i) => Math.floor(uniform(5n, i) * config.vocabSize));
    const rows = packRows([{ tokens, targets: tokens.flatMap((_, i) => (i % 100 === 7 ? [i] : [])) }]);
    const weighting = Float32Array.from(rows.targets, (_, m) => Math.cos(m) / rows.targets.length);
    const reference = await createReferenceEngine(config, weights);
    const engine = await createWebGpuEngine(config, weights, { batchTokens: 2048 });
    expect(largestError(await engine.forward(rows), await reference.forward(rows))).toBeLessThan(1e-4);
    await engine.backward(weighting);
    await reference.backward(weighting);
    const found = await engine.gradients();
    for (const [tensor, values] of await reference.gradients()) {
      expect([tensor, relativeError(found.get(tensor) ?? [], values) < 1e-3]).toEqual([tensor, true]);
    }
    const request = {
      ...{ prompt: tokens.slice(0, 2040), maxTokens: 3, temperature: 1, topP: 0.9, topK: 50 },
      ...{ stopTokens: [], seed: 9n },
    };
    const options = { slots: 1, maxLength: 2048 };
    const sample = await engine.sampler(options).sample(request);
    const expected = await reference.sampler(options).sample(request);
    expect(sample.tokens).toEqual(expected.tokens);
    expect(largestError(sample.logprobs, expected.logprobs)).toBeLessThan(1e-4);
    await engine.close();
    await reference.close();
  });
});
