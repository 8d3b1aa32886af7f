import { describe, expect, test } from '@jest/globals';
import { Matrix } from 'ml-matrix';
import type { DecoderConfig, RopeScaling, TensorShapes } from '../../src/engine/config.ts';
import { PROJECTIONS, sizeOf, tensorShapes } from '../../src/engine/config.ts';
import type { LoraShape, Tensors } from '../../src/engine/engine.ts';
import { gemma2Decoder } from '../../src/engine/families.ts';
import { adapterShapes } from '../../src/engine/lora.ts';
import { createReferenceEngine, ReferenceEngine } from '../../src/engine/reference/engine.ts';
import { matmulTransposed } from '../../src/engine/reference/matmul.ts';
import { packRows } from '../../src/engine/rows.ts';
import { normal } from '../../src/random.ts';
import { engineContract } from './engine-contract.ts';
import {
  adapterFixtureNames,
  type FixtureName,
  fixtureNames,
  largestError,
  loadAdapterFixture,
  loadFixture,
  type PolicyFixture,
} from './fixtures.ts';

/** As in make-policy.py. */
const llama3: RopeScaling = {
  ...{ kind: 'llama3', factor: 4, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 32 },
};
const yarn: RopeScaling = {
  ...{ kind: 'yarn', factor: 2, betaFast: 4, betaSlow: 1, originalPositions: 64 },
  ...{ attentionFactor: 0.1 * Math.log(2) + 1, truncate: true },
};

engineContract('reference', createReferenceEngine);

/**
 * Checks the gradient of every trained tensor along random directions. `exact` are the trained tensors in
 * float64, at which the engine stands.
 */
async function checkGradients(
  engine: ReferenceEngine,
  exact: ReadonlyMap<string, Float64Array>,
  { rows, targetWeights }: Pick<PolicyFixture, 'rows' | 'targetWeights'>,
): Promise<void> {
  engine.setExactWeights(exact);
  await engine.forward(rows);
  await engine.backward(targetWeights);
  const gradients = engine.gradients64();
  expect([...gradients.keys()].sort()).toEqual([...exact.keys()].sort());
  const lossAt = (tensor: string, direction: Float64Array, step: number) => {
    const moved = (exact.get(tensor) as Float64Array).map((w, i) => w + step * direction[i]);
    engine.setExactWeights(new Map(exact).set(tensor, moved));
    return -engine.logprobs64(rows).reduce((sum, p, m) => sum + p * targetWeights[m], 0);
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
}

const inFloat64 = (tensors: Tensors) =>
  new Map([...tensors].map(([name, values]) => [name, Float64Array.from(values)]));

describe('gradients of the reference agree with central differences', () => {
  test.each(fixtureNames)('%s', async (name) => {
    const fixture = await loadFixture(name);
    const engine = await createReferenceEngine(fixture.config, fixture.weights);
    await checkGradients(engine, inFloat64(fixture.weights), fixture);
  });

  test.each(adapterFixtureNames)('%s', async (name) => {
    const fixture = await loadAdapterFixture(name);
    const engine = await createReferenceEngine(fixture.config, fixture.weights, { lora: fixture.lora });
    await checkGradients(engine, inFloat64(fixture.adapters), fixture);
  });

  // A mixture that no family is: every choice at once.
  const mixture: DecoderConfig = {
    ...gemma2Decoder({
      ...{ vocabSize: 23, hiddenSize: 10, intermediateSize: 14, layers: 2, heads: 3, keyValueHeads: 1 },
      ...{ headSize: 6, maxPositions: 32, window: 3, attentionCap: 7, logitCap: 9 },
    }),
    ...{ normOffset: 0, queryKeyNorms: true, biases: PROJECTIONS, activation: 'silu', tiedHead: false },
    embeddingScale: 1.7,
    ropeScaling: {
      ...{ kind: 'yarn', factor: 3, betaFast: 4, betaSlow: 1, originalPositions: 32 },
      ...{ attentionFactor: 1.2, truncate: false },
    },
  };
  const rows = packRows([
    { tokens: [3, 1, 4, 1, 5, 9, 2, 6], targets: [2, 3, 5, 7], temperatures: [0.5, 1, 1.3, 2] },
    { tokens: [5, 3, 5, 8, 9], targets: [1, 2, 4] },
  ]);
  const batch = { rows, targetWeights: Float32Array.of(1, -0.5, 2, 0.3, 0.7, -1, 0.1) };
  const random = (shapes: TensorShapes): Tensors =>
    new Map(
      [...shapes].map(([name, shape], key) => [
        name,
        Float32Array.from({ length: sizeOf(shape) }, (_, i) => 0.5 * normal(BigInt(key), i)),
      ]),
    );

  test('a mixture of all choices', async () => {
    const weights = random(tensorShapes(mixture));
    await checkGradients(await createReferenceEngine(mixture, weights), inFloat64(weights), batch);
  });

  test('adapters on a mixture of all choices, beside frozen weights', async () => {
    const lora: LoraShape = { rank: 3, scale: 0.7, targets: ['k_proj', 'o_proj', 'up_proj', 'down_proj'] };
    const engine = await createReferenceEngine(mixture, random(tensorShapes(mixture)), { lora });
    await checkGradients(engine, inFloat64(random(adapterShapes(mixture, lora))), batch);
  });
});

describe('the fixtures are sensitive to every part of the architecture', () => {
  const changes: readonly (readonly [FixtureName, readonly Partial<DecoderConfig>[]])[] = [
    [
      'capped',
      [
        { windows: [5, null, 5] },
        { windows: [3, null, 3] },
        { windows: [null, 4, null] },
        { attentionCap: null },
        { logitCap: null },
        { ropeTheta: 9000 },
        { attentionScale: 1 / Math.sqrt(8) },
        { normEpsilon: 0.1 },
        { normOffset: 0 },
        { embeddingScale: 1 },
        { activation: 'silu' },
      ],
    ],
    [
      'llama',
      [
        { ropeScaling: null },
        { ropeScaling: { ...llama3, factor: 3.9 } },
        { ropeScaling: { ...llama3, lowFrequencyFactor: 0.9 } },
        { ropeScaling: { ...llama3, highFrequencyFactor: 4.4 } },
        { ropeScaling: { ...llama3, originalPositions: 33 } },
        { normOffset: 1 },
        { activation: 'gelu' },
        { embeddingScale: Math.sqrt(24) },
        { windows: [20, 20] },
      ],
    ],
    [
      'llama-biased',
      [{ ropeScaling: null }, { ropeScaling: { kind: 'linear', factor: 2.9 } }, { normEpsilon: 1e-3 }],
    ],
    [
      'qwen2',
      [
        { windows: [5, 5, 5] },
        { windows: [null, null, 5] },
        { windows: [null, 6, 6] },
        { ropeScaling: null },
        { ropeScaling: { ...yarn, attentionFactor: 1 } },
        { ropeScaling: { ...yarn, truncate: false } },
        { ropeScaling: { ...yarn, betaFast: 3 } },
        { ropeScaling: { ...yarn, factor: 2.1 } },
      ],
    ],
    ['qwen3', [{ queryKeyNorms: false }, { ropeTheta: 900 }, { attentionScale: 1 / Math.sqrt(5) }]],
    [
      'gemma3',
      [
        { windowRopeTheta: null },
        { windowRopeTheta: 60 },
        { ropeScaling: null },
        { ropeTheta: 900 },
        { queryKeyNorms: false },
        { windows: [4, 5, 4] },
        { attentionCap: 10 },
      ],
    ],
  ];

  test.each(changes.flatMap(([name, parts]) => parts.map((part) => [name, part] as const)))(
    '%s with %j',
    async (name, change) => {
      const { config, weights, rows, logprobs } = await loadFixture(name);
      const changed = { ...config, ...change };
      const shapes = tensorShapes(changed);
      const own = new Map([...weights].filter(([tensor]) => shapes.has(tensor)));
      const engine = await createReferenceEngine(changed, own);
      expect(largestError(await engine.forward(rows), logprobs)).toBeGreaterThan(1e-3);
    },
  );

  test.each(fixtureNames)('every tensor of %s counts', async (name) => {
    const { config, weights, rows, logprobs } = await loadFixture(name);
    for (const [tensor, values] of weights) {
      // Heads alike would hide their order: a rotation moves all of them.
      const moved = new Map(weights).set(tensor, Float32Array.of(...values.subarray(1), values[0]));
      const engine = await createReferenceEngine(config, moved);
      const error = largestError(await engine.forward(rows), logprobs);
      expect([tensor, error > 1e-3]).toEqual([tensor, true]);
    }
  });
});

test('matmuls agree with ml-matrix, for every remainder of the tile', () => {
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
    expect(largestError(matmulTransposed(a, b, { n, m, k }), expected.to1DArray())).toBeLessThan(1e-12);
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
