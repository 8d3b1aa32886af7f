import { expect, test } from '@jest/globals';
import type { DecoderConfig } from '../../../src/engine/config.ts';
import type { Engine, PackedRows, Tensors } from '../../../src/engine/engine.ts';
import { gemma2Decoder } from '../../../src/engine/families.ts';
import { createReferenceEngine } from '../../../src/engine/reference/engine.ts';
import { packRows } from '../../../src/engine/rows.ts';
import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { normal } from '../../../src/random.ts';
import { onDevice } from '../../device/on-device.ts';
import { until } from '../../patience.ts';
import { engineContract } from '../engine-contract.ts';
import { filledWeights } from '../filled-weights.ts';
import { largestError, relativeError } from '../fixtures.ts';

/** Nothing is a multiple of a tile: 150 tokens of vocabulary, 3 query heads a key head, a window of 9. */
const odd = gemma2Decoder({
  vocabSize: 150,
  hiddenSize: 20,
  intermediateSize: 44,
  layers: 3,
  heads: 6,
  keyValueHeads: 2,
  headSize: 12,
  maxPositions: 128,
  queryPreAttnScalar: 9,
  window: 9,
  attentionCap: 5,
  logitCap: 8,
});

function randomWeights(config: DecoderConfig): Tensors {
  return filledWeights(config, ({ tensor, index }) => 0.3 * normal(BigInt(tensor + 1), index));
}

/** Rows of these lengths, all tokens but the first as targets, except that every third is not. */
function randomRows(lengths: readonly number[]): PackedRows {
  let next = 12345;
  const draw = () => {
    next = (next * 1103515245 + 12345) % 2147483648;
    return Math.floor(next / 65536) % odd.vocabSize;
  };
  return packRows(
    lengths.map((length) => ({
      tokens: Array.from({ length }, draw),
      targets: Array.from({ length: length - 1 }, (_, i) => i + 1).filter((i) => i % 3 !== 0),
    })),
  );
}

const weighting = (rows: PackedRows) => Float32Array.from(rows.targets, (_, m) => Math.cos(m));

async function gradientsOf(engine: Engine, rows: PackedRows, weights = weighting(rows)): Promise<Tensors> {
  await engine.forward(rows);
  await engine.backward(weights);
  const gradients = await engine.gradients();
  const still = { learningRate: 0, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 };
  await engine.update({ ...still, clipNorm: Number.POSITIVE_INFINITY });
  return gradients;
}

onDevice('the WebGPU engine', () => {
  engineContract('webgpu', createWebGpuEngine);

  test('odd sizes, long rows behind a window: as the float64 reference', async () => {
    const weights = randomWeights(odd);
    const rows = randomRows([70, 1, 2, 33, 9, 17]);
    const reference = await createReferenceEngine(odd, weights);
    const engine = await createWebGpuEngine(odd, weights);
    expect(largestError(await engine.forward(rows), await reference.forward(rows))).toBeLessThan(1e-4);
    const found = await gradientsOf(engine, rows);
    for (const [tensor, values] of await gradientsOf(reference, rows)) {
      expect([tensor, relativeError(found.get(tensor) ?? [], values) < 1e-3]).toEqual([tensor, true]);
    }
    await engine.close();
  });

  test('a head in tiles of the vocabulary: the same as in one piece', async () => {
    const weights = randomWeights(odd);
    const rows = randomRows([40, 12]);
    const whole = await createWebGpuEngine(odd, weights);
    const tiled = await createWebGpuEngine(odd, weights, { logitBytes: 64 * 64 * 4 });
    expect(largestError(await tiled.forward(rows), await whole.forward(rows))).toBeLessThan(1e-5);
    const expected = await gradientsOf(whole, rows);
    for (const [tensor, values] of await gradientsOf(tiled, rows)) {
      expect([tensor, relativeError(values, expected.get(tensor) ?? []) < 1e-5]).toEqual([tensor, true]);
    }
    const request = {
      ...{ prompt: [1, 2, 3], maxTokens: 10, temperature: 1, topP: 1, topK: 0 },
      ...{ stopTokens: [], seed: 7n },
    };
    const draw = (engine: Engine) => engine.sampler({ slots: 2, maxLength: 20 }).sample(request);
    expect(await draw(tiled)).toEqual(await draw(whole));
    await whole.close();
    await tiled.close();
  });

  test.each([
    ['tied', odd],
    ['untied', { ...odd, tiedHead: false }],
  ])(
    'weights in shards, smaller than a matrix and over several buffers: the same as whole, head %s',
    async (_name, config) => {
      const weights = randomWeights(config);
      const rows = randomRows([40, 12]);
      const whole = await createWebGpuEngine(config, weights);
      const weightLimits = { largestBinding: 6000, largestBuffer: 16384 };
      const sharded = await createWebGpuEngine(config, weights, { weightLimits });
      expect(await sharded.weights()).toEqual(weights);
      // The head's shards are tiles, whose sums are added up apart.
      expect(largestError(await sharded.forward(rows), await whole.forward(rows))).toBeLessThan(1e-5);
      const step = {
        learningRate: 0.01,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-4,
        weightDecay: 0.1,
        clipNorm: 1,
      };
      for (const engine of [whole, sharded]) {
        await engine.forward(rows);
        await engine.backward(weighting(rows));
      }
      const expected = await whole.gradients();
      for (const [tensor, values] of await sharded.gradients()) {
        expect([tensor, relativeError(values, expected.get(tensor) ?? []) < 1e-5]).toEqual([tensor, true]);
      }
      expect((await sharded.update(step)).gradNorm).toBeCloseTo((await whole.update(step)).gradNorm, 4);
      const stepped = await whole.weights();
      for (const [tensor, values] of await sharded.weights()) {
        expect([tensor, relativeError(values, stepped.get(tensor) ?? []) < 1e-5]).toEqual([tensor, true]);
      }
      await whole.close();
      await sharded.close();
    },
  );

  test('without training a bf16 policy stays bf16: the same logprobs, samples and weights, to the bit', async () => {
    // Rounded to bf16 by hand: the lower half of each f32 is zero.
    const weights: Tensors = new Map(
      [...randomWeights(odd)].map(([name, values]) => {
        const bits = new Uint32Array(values.buffer).map((word) => word & 0xffff0000);
        return [name, new Float32Array(bits.buffer)];
      }),
    );
    const whole = await createWebGpuEngine(odd, weights);
    const half = await createWebGpuEngine(odd, weights, { training: false, frozen: 'bf16', recompute: true });
    const rows = randomRows([40, 12]);
    expect(await half.forward(rows)).toEqual(await whole.forward(rows));
    expect(await half.weights()).toEqual(weights);
    const request = {
      ...{ prompt: [1, 2, 3], maxTokens: 10, temperature: 1, topP: 1, topK: 0 },
      ...{ stopTokens: [], seed: 7n },
    };
    const draw = (engine: Engine) => engine.sampler({ slots: 2, maxLength: 20 }).sample(request);
    expect(await draw(half)).toEqual(await draw(whole));
    await expect(half.backward(weighting(rows))).rejects.toThrow('made without training');
    await whole.close();
    await half.close();
  });

  test('a token without weight changes no gradient, to the bit', async () => {
    const engine = await createWebGpuEngine(odd, randomWeights(odd));
    const rows = randomRows([12, 9, 20]);
    // The last token of the second row: a target, and the context of nothing.
    const last = 20;
    const weights = weighting(rows);
    weights[rows.targets.indexOf(last)] = 0;
    expect(rows.targets).toContain(last);
    const before = await gradientsOf(engine, rows, weights);
    const changed = { ...rows, tokens: rows.tokens.with(last, (rows.tokens[last] + 1) % odd.vocabSize) };
    const after = await gradientsOf(engine, changed, weights);
    for (const [tensor, values] of before) expect(after.get(tensor)).toEqual(values);
    await engine.close();
  });

  test('the gradient does not depend on the cut into micro-batches', async () => {
    const engine = await createWebGpuEngine(odd, randomWeights(odd));
    const lengths = [12, 9, 20];
    const all = randomRows(lengths);
    const weights = weighting(all);
    const whole = await gradientsOf(engine, all);
    let token = 0;
    let target = 0;
    for (const length of lengths) {
      const part = packRows([
        {
          tokens: [...all.tokens.subarray(token, token + length)],
          targets: [...all.targets].filter((n) => n >= token && n < token + length).map((n) => n - token),
        },
      ]);
      await engine.forward(part);
      await engine.backward(weights.subarray(target, target + part.targets.length));
      token += length;
      target += part.targets.length;
    }
    const summed = await engine.gradients();
    for (const [tensor, values] of whole) {
      expect([tensor, relativeError(summed.get(tensor) ?? [], values) < 1e-4]).toEqual([tensor, true]);
    }
    await engine.close();
  });

  test('backward twice on one forward adds the gradient twice', async () => {
    const engine = await createWebGpuEngine(odd, randomWeights(odd));
    const rows = randomRows([15, 6]);
    const once = await gradientsOf(engine, rows);
    await engine.forward(rows);
    await engine.backward(weighting(rows));
    await engine.backward(weighting(rows));
    const twice = await engine.gradients();
    for (const [tensor, values] of once) {
      const doubled = values.map((g) => 2 * g);
      expect([tensor, relativeError(twice.get(tensor) ?? [], doubled) < 1e-6]).toEqual([tensor, true]);
    }
    await engine.close();
  });

  test('a sample alone is to the bit the sample in a batch of 64, with slots refilled on the way', async () => {
    const engine = await createWebGpuEngine(odd, randomWeights(odd));
    const request = (i: number) => ({
      ...{ prompt: Array.from({ length: 1 + (i % 23) }, (_, j) => (i * 31 + j * 17) % odd.vocabSize) },
      ...{ maxTokens: 3 + (i % 11), temperature: 1, topP: 0.95, topK: 0, stopTokens: [i % 150] },
      seed: BigInt(i) << 33n,
    });
    const together = engine.sampler({ slots: 64, maxLength: 60 });
    const batch = await Promise.all(Array.from({ length: 100 }, (_, i) => together.sample(request(i))));
    const alone = engine.sampler({ slots: 1, maxLength: 60 });
    for (const i of [0, 22, 41, 63, 64, 99]) expect(await alone.sample(request(i))).toEqual(batch[i]);
    await engine.close();
  });

  test('an update waits for the samples under way, which keep their weights', async () => {
    const engine = await createWebGpuEngine(odd, randomWeights(odd));
    const request = {
      ...{ prompt: [5, 6, 7], maxTokens: 20, temperature: 1, topP: 1, topK: 0 },
      ...{ stopTokens: [], seed: 3n },
    };
    const sampler = engine.sampler({ slots: 2, maxLength: 60 });
    const expected = await sampler.sample(request);
    const rows = randomRows([15, 6]);
    await engine.forward(rows);
    await engine.backward(weighting(rows));
    const { steps } = sampler.statistics;
    const underWay = sampler.sample(request);
    await until('the sample to begin', () => sampler.statistics.steps > steps, { everyMs: 0 });
    const adamW = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };
    await engine.update(adamW);
    expect(await underWay).toEqual(expected);
    expect(await sampler.sample(request)).not.toEqual(expected);
    await engine.close();
  });
});
