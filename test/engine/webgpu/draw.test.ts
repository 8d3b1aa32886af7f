import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createStorage, createUniform, Readback } from '../../../src/device/buffers.ts';
import { Device } from '../../../src/device/device.ts';
import type { Engine, SampleRequest } from '../../../src/engine/engine.ts';
import { gemma2Decoder } from '../../../src/engine/families.ts';
import { createReferenceEngine } from '../../../src/engine/reference/engine.ts';
import { type Choice, type ChooseOptions, choose } from '../../../src/engine/sampling/choose.ts';
import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { encode, Kernels } from '../../../src/engine/webgpu/kernels.ts';
import { inRegisters, throughWorkgroups } from '../../../src/engine/webgpu/matmul-variants.ts';
import { prepareDraws } from '../../../src/engine/webgpu/memory/batch.ts';
import { overRows } from '../../../src/engine/webgpu/row-kernels.ts';
import { shapeOf, shapeSource, spanColumns } from '../../../src/engine/webgpu/shape.ts';
import { ModelError } from '../../../src/errors.ts';
import { normal, uniform } from '../../../src/random.ts';
import { onDevice } from '../../device/on-device.ts';
import { filledWeights } from '../filled-weights.ts';
import { largestError } from '../fixtures.ts';

const decoder = (logitCap: number | null) => ({
  ...gemma2Decoder({
    ...{ vocabSize: 64, hiddenSize: 16, intermediateSize: 32, layers: 1, heads: 2, keyValueHeads: 1 },
    ...{ headSize: 8, maxPositions: 128, window: 300 },
  }),
  logitCap,
});

interface Row extends ChooseOptions {
  readonly logits: Float32Array;
  readonly seed: bigint;
  readonly position: number;
}

/** Token, logprob and mass of all, as the two kernels have them. All rows are as long. */
async function drawn(device: Device, gpu: boolean, rows: readonly Row[], logitCap: number | null) {
  const config = decoder(logitCap);
  const source = shapeSource(config, shapeOf(config, true));
  const kernels = Kernels.of(device, source, gpu ? throughWorkgroups : inRegisters);
  const columns = rows[0].logits.length;
  const spans = Math.ceil(columns / spanColumns);
  const stride = Math.ceil(columns / 4) * 4;
  const batch = createUniform(device, 'batch', 32);
  const { queue } = device.gpu;
  queue.writeBuffer(batch, 0, Uint32Array.of(0, rows.length, 0, 0, 0));
  const storage = (values: ArrayBuffer) => {
    const buffer = createStorage(device, 'storage', Math.ceil(values.byteLength / 16) * 16);
    queue.writeBuffer(buffer, 0, values);
    return buffer;
  };
  // What is beyond the vocabulary is no token, whatever it is.
  const padded = new Float32Array(rows.length * stride).fill(1e6);
  for (const [m, { logits }] of rows.entries()) padded.set(logits, m * stride);
  const buffers = {
    logits: storage(padded.buffer),
    temperatures: storage(Float32Array.from(rows, ({ temperature }) => 1 / temperature).buffer),
    masses: storage(new ArrayBuffer(8 * rows.length * spans)),
    wanted: storage(prepareDraws(rows)),
    drawn: storage(new ArrayBuffer(16 * rows.length)),
  };
  const { logits, temperatures, masses } = buffers;
  const call = [columns];
  const list = [
    kernels.dispatch('span-masses', {
      ...{ call, bindings: [batch, logits, temperatures, masses] },
      workgroups: () => [Math.ceil(spans / 64), rows.length],
    }),
    kernels.dispatch('draw', {
      ...{ call, bindings: [batch, logits, temperatures, masses, buffers.wanted, buffers.drawn] },
      ...overRows('draw', kernels, () => rows.length),
    }),
  ];
  const sizes = { tokens: 0, targets: rows.length, segments: 0, chunks: 0, queryBlocks: 0, keyBlocks: 0 };
  const readback = new Readback(device);
  const found = new Float32Array(
    await readback.read(buffers.drawn, {
      bytes: 16 * rows.length,
      submit: (copy) =>
        device.submit((encoder) => {
          encode(encoder, list, sizes);
          copy(encoder);
        }),
    }),
  );
  readback.destroy();
  batch.destroy();
  for (const buffer of Object.values(buffers)) buffer.destroy();
  return rows.map((_, m) => {
    const [token, logprob, total] = found.subarray(4 * m);
    return { token, logprob, total };
  });
}

/** What may be drawn where f32 rounds what float64 does not: one token, but at the edges of shares. */
function choices({ logits, seed, position, ...options }: Row, logitCap: number | null): Choice[] {
  const u = uniform(seed, position);
  const row = Float64Array.from(logits, (x) => (logitCap === null ? x : logitCap * Math.tanh(x / logitCap)));
  const near = 1e-5;
  return [0, -near, near].flatMap((a) =>
    [0, -near, near].map((b) => {
      const topP = options.topP < 1 ? options.topP + b : 1;
      return choose(row, { ...options, topP }, Math.min(Math.max(0, u + a), 1 - 2 ** -24));
    }),
  );
}

onDevice('drawing tokens on the device', () => {
  const options = fc.record({
    temperature: fc.constantFrom(0.3, 1, 2.5),
    topK: fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3000 })),
    topP: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 0.999, noNaN: true })),
    seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    position: fc.nat({ max: 2 ** 32 - 1 }),
    spread: fc.constantFrom(0, 0.01, 1, 10, 300, 3000),
    // Of few levels many tokens are equal.
    levels: fc.constantFrom(2, 7, 1e9),
    filled: fc.nat(),
  });
  const cases = fc.record({
    columns: fc.integer({ min: 1, max: 3000 }),
    logitCap: fc.constantFrom(null, 30),
    rows: fc.array(options, { minLength: 1, maxLength: 70 }),
  });

  test.each([
    ['a row in a lane', false],
    ['a row in a workgroup', true],
  ])('what `choose` draws from the logits: %s', async (_, gpu) => {
    const device = await Device.shared();
    let edges = 0;
    let all = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ columns, logitCap, rows }) => {
        const made = rows.map(({ spread, levels, filled, ...how }): Row => {
          const level = (i: number) => Math.floor(levels * uniform(BigInt(filled), i)) / levels - 0.5;
          // Far beyond the cap float64 takes logits for equal, too.
          const wide = logitCap === null ? spread : Math.min(spread, 300);
          return { ...how, logits: Float32Array.from({ length: columns }, (_, i) => wide * level(i)) };
        });
        const found = await drawn(device, gpu, made, logitCap);
        for (const [m, { token, logprob }] of found.entries()) {
          const allowed = choices(made[m], logitCap);
          const tokens = new Set(allowed.map((choice) => choice.token));
          all += 1;
          if (tokens.size > 1) edges += 1;
          expect([m, [...tokens].includes(token)]).toEqual([m, true]);
          const expected = allowed.find((choice) => choice.token === token)?.logprob ?? Number.NaN;
          expect(Math.abs(logprob - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
        }
      }),
      { numRuns: 25 },
    );
    // Nearly all of them are of one token.
    expect(edges).toBeLessThan(0.2 * all);
  });

  test('equal tokens: the lowest ids are kept, and laid out in order', async () => {
    const device = await Device.shared();
    const logits = new Float32Array(200).fill(1);
    logits[3] = 0;
    logits[150] = -0;
    const rows = Array.from({ length: 40 }, (_, position) => [
      { logits, seed: 5n, position, temperature: 1, topP: 1, topK: 4 },
      { logits: logits.map((x) => 0 * x), seed: 5n, position, temperature: 1, topP: 0.02, topK: 0 },
    ]).flat();
    const expected = rows.map(({ seed, position, topK }) => {
      const place = Math.floor(4 * uniform(seed, position));
      return topK === 4 ? [0, 1, 2, 4][place] : place;
    });
    expect(new Set(expected).size).toBe(5);
    for (const gpu of [false, true]) {
      expect((await drawn(device, gpu, rows, null)).map(({ token }) => token)).toEqual(expected);
    }
  });
});

onDevice('sampling from a vocabulary of many spans', () => {
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
      await createReferenceEngine(config, weights),
      await open({}),
      // Logits of 64 samples at once; and the head in several pieces.
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
  ] as const)('%s: the tokens are the reference’s', async (_, how) => {
    const sampled = async (engine: Engine) => {
      const sampler = engine.sampler({ slots: 80, maxLength: 128 });
      const requests = Array.from({ length: 90 }, (_, i): SampleRequest => {
        const prompt = Array.from({ length: 1 + (i % 7) }, (_, n) => (i * 7919 + n * 31) % config.vocabSize);
        const all = { maxTokens: 5, temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: BigInt(i) };
        return { prompt, ...all, ...how };
      });
      const samples = await Promise.all(requests.map((request) => sampler.sample(request)));
      sampler.close();
      return samples;
    };
    const [expected, whole, parts, pieces] = [
      await sampled(engines[0]),
      await sampled(engines[1]),
      await sampled(engines[2]),
      await sampled(engines[3]),
    ];
    expect(whole.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
    for (const [i, { logprobs }] of whole.entries()) {
      expect(largestError(logprobs, expected[i].logprobs)).toBeLessThan(1e-4);
    }
    // Whatever is drawn at once, to the bit.
    expect(parts).toEqual(whole);
    expect(pieces.map(({ tokens }) => tokens)).toEqual(whole.map(({ tokens }) => tokens));
  });

  test.each([
    ['in lanes', 'auto'],
    ['in workgroups', 'workgroup'],
  ] as const)('logits that are not finite are an error, not the token before: %s', async (_, matmul) => {
    const weights = filledWeights(config, ({ tensor, index }) => 0.8 * normal(BigInt(tensor), index));
    const engine = await createWebGpuEngine(config, weights, { matmul });
    const sampler = engine.sampler({ slots: 1, maxLength: 9 });
    const sample = (how: Partial<ChooseOptions>) => {
      const all = { temperature: 1, topP: 1, topK: 0, ...how };
      return sampler.sample({ prompt: [1, 2], maxTokens: 2, stopTokens: [], seed: 1n, ...all });
    };
    expect((await sample({})).tokens).toHaveLength(2);
    weights.get('model.norm.weight')?.fill(Number.NaN);
    await engine.setWeights(weights);
    for (const how of [{}, { temperature: 0 }, { topP: 0.9 }, { topK: 5 }]) {
      await expect(sample(how)).rejects.toThrow(ModelError);
    }
    await engine.close();
  });
});
