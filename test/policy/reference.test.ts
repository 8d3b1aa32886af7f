import { describe, expect, test } from '@jest/globals';
import { Matrix } from 'ml-matrix';
import type { DecoderConfig } from '../../src/policy/config.ts';
import { normal } from '../../src/policy/random.ts';
import { productTransposed } from '../../src/policy/reference/product.ts';
import { createReferenceEngine, ReferenceEngine } from '../../src/policy/reference.ts';
import { packRows } from '../../src/policy/rows.ts';
import { engineContract } from './engine-contract.ts';
import { fixtureNames, largestError, loadFixture } from './fixtures.ts';

engineContract('reference', createReferenceEngine);

describe.each(fixtureNames)('gradients of the reference, %s', (name) => {
  test('every tensor agrees with central differences', async () => {
    const { config, weights, rows, targetWeights } = await loadFixture(name);
    const engine = await createReferenceEngine(config, weights);
    await engine.forward(rows);
    await engine.backward(targetWeights);
    const gradients = await engine.gradients();
    const exact = new Map([...weights].map(([tensor, values]) => [tensor, Float64Array.from(values)]));
    const lossAt = (tensor: string, direction: Float64Array, step: number) => {
      const moved = new Map(exact);
      moved.set(
        tensor,
        (exact.get(tensor) as Float64Array).map((w, i) => w + step * direction[i]),
      );
      engine.setExactWeights(moved);
      return -engine.logProbabilities(rows).reduce((sum, p, m) => sum + p * targetWeights[m], 0);
    };
    for (const [tensor, gradient] of gradients) {
      for (const seed of [1n, 2n, 3n]) {
        const direction = Float64Array.from(gradient, (_, i) => normal(seed, i));
        const step = 1e-5;
        const difference = (lossAt(tensor, direction, step) - lossAt(tensor, direction, -step)) / (2 * step);
        const slope = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
        const size = Math.hypot(...gradient);
        expect([tensor, Math.abs(difference - slope) < 1e-5 * size + 1e-7]).toEqual([tensor, true]);
      }
    }
  });
});

test('the fixture is sensitive to every part of the architecture', async () => {
  const { config, weights, rows, logprobs } = await loadFixture('capped');
  const changes: Partial<DecoderConfig>[] = [
    { windows: [5, null, 5] },
    { windows: [3, null, 3] },
    { attentionCap: null },
    { logitCap: null },
    { ropeTheta: 9000 },
    { attentionScale: 1 / Math.sqrt(8) },
    { normEpsilon: 0.1 },
  ];
  for (const change of changes) {
    const engine = await createReferenceEngine({ ...config, ...change }, weights);
    const error = largestError(await engine.forward(rows), logprobs);
    expect([change, error > 1e-3]).toEqual([change, true]);
  }
});

test('products agree with ml-matrix, for every remainder of the tile', () => {
  for (const [n, m, k] of [
    [1, 1, 1],
    [4, 2, 8],
    [5, 7, 3],
    [6, 3, 5],
    [7, 6, 1],
    [9, 5, 11],
  ]) {
    const a = Float64Array.from({ length: n * k }, (_, i) => normal(1n, i));
    const b = Float64Array.from({ length: m * k }, (_, i) => normal(2n, i));
    const expected = Matrix.from1DArray(n, k, a).mmul(Matrix.from1DArray(m, k, b).transpose());
    expect(largestError(productTransposed(a, b, { n, m, k }), expected.to1DArray())).toBeLessThan(1e-12);
  }
});

test('a sample in flight keeps its weights while an update changes them', async () => {
  const { config, weights, rows, targetWeights } = await loadFixture('capped');
  const engine = await createReferenceEngine(config, weights);
  const sampler = engine.sampler({ slots: 2, maxLength: 60 });
  const request = {
    prompt: [3, 4],
    maxTokens: 30,
    temperature: 1,
    topP: 1,
    topK: 0,
    stopTokens: [],
    seed: 5n,
  };
  const undisturbed = await sampler.sample(request);
  let ticks = 0;
  const disturbed = sampler.sample(request);
  while (ticks < 5) {
    await new Promise((resolve) => setImmediate(resolve));
    ticks += 1;
  }
  await engine.forward(rows);
  await engine.backward(targetWeights);
  const adamW = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };
  await engine.update(adamW);
  const after = sampler.sample(request);
  expect(await disturbed).toEqual(undisturbed);
  expect(await after).not.toEqual(undisturbed);
});

test('an engine without weights predicts evenly', async () => {
  const { config } = await loadFixture('plain');
  const engine = new ReferenceEngine(config);
  const logprobs = await engine.forward(packRows([{ tokens: [1, 2, 3], targets: [1, 2] }]));
  expect(largestError(logprobs, [-Math.log(37), -Math.log(37)])).toBeLessThan(1e-6);
});
