/**
 * The WebGPU engine at the laboratory's size: GFLOP/s of the matmuls, tokens/s of training and of sampling,
 * each against float64 (ml-matrix, the reference engine) on the same numbers in the same run. Answers are
 * compared before anything is timed. Times are wall times until the device is done; the best of several
 * rounds.
 *
 *   npx tsx bench/kernels.ts
 */

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { Matrix } from 'ml-matrix';
import { Buffers, createUniform, Readback } from '../src/device/buffers.ts';
import { Device } from '../src/device/device.ts';
import type { Engine, PackedRows, SampleRequest, Tensors } from '../src/engine/engine.ts';
import { gemma2Decoder } from '../src/engine/families.ts';
import { createReferenceEngine } from '../src/engine/reference/engine.ts';
import { packRows } from '../src/engine/rows.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import { type Dispatch, encode, Kernels } from '../src/engine/webgpu/kernels.ts';
import { Matmul, whole } from '../src/engine/webgpu/matmul/matmul.ts';
import { shapeOf, shapeSource } from '../src/engine/webgpu/shape.ts';
import { normal, uniform } from '../src/random.ts';
import { agree, benchWeights } from './rivals/decoder.ts';

const ROUNDS = 7;
/** Rows of a training batch, and their tokens, as in the laboratory; a third of the tokens are targets. */
const ROWS = 24;
const ROW_TOKENS = 52;
/** Samples: as many at once, from prompts of this many tokens. */
const SAMPLES = 64;
const PROMPT = 30;
const NEW_TOKENS = 20;

const config = gemma2Decoder({
  ...{ vocabSize: 192, hiddenSize: 96, intermediateSize: 384, layers: 3 },
  ...{ heads: 4, keyValueHeads: 2, headSize: 24, maxPositions: 512, window: 512 },
});

const device = await Device.shared();
const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/webgpu/package.json', import.meta.url), 'utf8'),
);
console.log(
  `device ${device.adapter.name}; webgpu ${version}, node ${process.version}, ${cpus().length} x ${cpus()[0].model}`,
);
await matmuls();
const weights = benchWeights(config);
const engine = await createWebGpuEngine(config, weights);
const reference = await createReferenceEngine(config, weights);
await training();
await sampling();
await engine.close();
await reference.close();

/** y = x wT, dx = dy w and dw = dyT x of a linear layer, for the layers of the decoder. */
async function matmuls(): Promise<void> {
  const tokens = Math.ceil((ROWS * ROW_TOKENS) / 64) * 64;
  const kernels = Kernels.of(device, shapeSource(config, shapeOf(config, true)));
  const sizes = { tokens, targets: 0, segments: 0, chunks: 0, queryBlocks: 0, keyBlocks: 0 };
  const batch = createUniform(device, 'bench.batch', 32);
  device.gpu.queue.writeBuffer(batch, 0, Uint32Array.of(tokens, 0, 0, 0, 0));
  const matmul = new Matmul(kernels, batch);
  const readback = new Readback(device);
  console.log(`\nmatmuls of ${tokens} tokens | GFLOP/s | ml-matrix, float64 | ratio`);
  for (const [input, output] of [
    [config.hiddenSize, 2 * config.intermediateSize],
    [config.intermediateSize, config.hiddenSize],
    [config.hiddenSize, config.hiddenSize],
  ] as const) {
    const x = randomMatrix(1n, tokens, input);
    const w = randomMatrix(2n, output, input);
    const dy = randomMatrix(3n, tokens, output);
    const bytes = new Map(
      Object.entries({ x, w, dy, y: dy, dx: x, dw: w }).map(([name, m]) => [name, 4 * m.rows * m.columns]),
    );
    const buffers = new Buffers(device, 'bench', bytes);
    for (const [name, matrix] of Object.entries({ x, w, dy })) {
      device.gpu.queue.writeBuffer(buffers.get(name), 0, Float32Array.from(matrix.to1DArray()));
    }
    const get = (name: string) => buffers.get(name);
    const options = { input, output, over: 'tokens' } as const;
    const [xs, dxs] = [whole(get('x'), input), whole(get('dx'), input)];
    const [ys, dys] = [whole(get('y'), output), whole(get('dy'), output)];
    const weight = { of: { buffer: get('w') }, format: 'f32' } as const;
    const cases: [string, string, Dispatch, () => Matrix][] = [
      ['y = x wT', 'y', matmul.forward({ x: xs, w: weight, y: ys }, options), () => x.mmul(w.transpose())],
      ['dx = dy w', 'dx', matmul.backwardInput({ dy: dys, w: weight, dx: dxs }, options), () => dy.mmul(w)],
      [
        'dw += dyT x',
        'dw',
        matmul.backwardWeight({ dy: dys, x: xs, dw: { buffer: get('dw') } }, options),
        () => dy.transpose().mmul(x),
      ],
    ];
    for (const [name, out, dispatch, exact] of cases) {
      const run = (times: number) =>
        device.submit((encoder) => encode(encoder, new Array<Dispatch>(times).fill(dispatch), sizes));
      device.submit((encoder) => encoder.clearBuffer(get(out)));
      run(1);
      const found = new Float32Array(await readback.read(get(out), { bytes: get(out).size }));
      const started = performance.now();
      const expected = exact().to1DArray();
      const slow = performance.now() - started;
      agree(`${name}, ${input} to ${output}`, found, expected, 1e-4);
      const fast = await best(async () => {
        run(8);
        await device.until(device.gpu.queue.onSubmittedWorkDone());
      });
      const gflop = (2 * tokens * input * output) / 1e9;
      const [speed, slowSpeed] = [(8 * gflop) / (fast / 1000), gflop / (slow / 1000)];
      console.log(
        `${name}, ${input} to ${output} | ${speed.toFixed(1)} | ${slowSpeed.toFixed(2)} | ${(speed / slowSpeed).toFixed(1)}`,
      );
    }
    buffers.destroy();
  }
  batch.destroy();
  readback.destroy();
}

async function training(): Promise<void> {
  const rows = packRows(
    Array.from({ length: ROWS }, (_, row) => ({
      tokens: randomTokens(BigInt(row), ROW_TOKENS),
      targets: Array.from({ length: ROW_TOKENS - 1 }, (_, i) => i + 1).filter((i) => i % 3 === 0),
    })),
  );
  const [found, expected] = [await gradientOf(engine, rows), await gradientOf(reference, rows)];
  for (const [name, values] of expected) agree(`gradient of ${name}`, found.get(name) ?? [], values, 1e-3);
  const parameters = [...weights.values()].reduce((sum, values) => sum + values.length, 0);
  const fast = await best(() => step(engine, rows));
  const started = performance.now();
  await step(reference, rows);
  const slow = performance.now() - started;
  const count = ROWS * ROW_TOKENS;
  console.log(
    `\ntraining, ${parameters} parameters, ${ROWS} rows of ${ROW_TOKENS} tokens, ${rows.targets.length} targets: ` +
      `${((1000 * count) / fast).toFixed(0)} tokens/s; reference ${((1000 * count) / slow).toFixed(0)}; ratio ${(slow / fast).toFixed(1)}`,
  );
}

async function sampling(): Promise<void> {
  const request = (i: number): SampleRequest => ({
    ...{ prompt: randomTokens(BigInt(i), PROMPT), maxTokens: NEW_TOKENS, temperature: 1, topP: 1, topK: 0 },
    ...{ stopTokens: [], seed: BigInt(i) },
  });
  // The weights have moved a little, and not by the same roundings: begin again.
  await engine.setWeights(weights);
  await reference.setWeights(weights);
  const draw = async (of: Engine, count: number) => {
    const sampler = of.sampler({ slots: SAMPLES, maxLength: PROMPT + NEW_TOKENS });
    const samples = await Promise.all(Array.from({ length: count }, (_, i) => sampler.sample(request(i))));
    sampler.close();
    return samples;
  };
  const expected = await draw(reference, 4);
  const found = await draw(engine, 4);
  for (const [i, { tokens, logprobs }] of expected.entries()) {
    agree(`tokens of sample ${i}`, found[i].tokens, tokens, 0);
    agree(`logprobs of sample ${i}`, found[i].logprobs, logprobs, 1e-3);
  }
  const fast = await best(() => draw(engine, SAMPLES));
  const started = performance.now();
  await draw(reference, 4);
  const slow = performance.now() - started;
  const [speed, slowSpeed] = [(1000 * SAMPLES * NEW_TOKENS) / fast, (1000 * 4 * NEW_TOKENS) / slow];
  console.log(
    `sampling, ${SAMPLES} at once, ${NEW_TOKENS} tokens after prompts of ${PROMPT}: ${speed.toFixed(0)} new tokens/s; ` +
      `reference ${slowSpeed.toFixed(0)}; ratio ${(speed / slowSpeed).toFixed(1)}`,
  );
}

async function step(of: Engine, rows: PackedRows): Promise<void> {
  await of.forward(rows);
  await of.backward(new Float32Array(rows.targets.length).fill(1 / ROWS));
  await of.update({
    learningRate: 1e-4,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    clipNorm: 1,
  });
}

async function gradientOf(of: Engine, rows: PackedRows): Promise<Tensors> {
  await of.forward(rows);
  await of.backward(new Float32Array(rows.targets.length).fill(1 / ROWS));
  const gradients = await of.gradients();
  await of.update({ learningRate: 0, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 });
  return gradients;
}

/** Milliseconds of the quickest round. */
async function best(round: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const started = performance.now();
    await round();
    least = Math.min(least, performance.now() - started);
  }
  return least;
}

function randomMatrix(seed: bigint, rows: number, columns: number): Matrix {
  const values = Float32Array.from({ length: rows * columns }, (_, i) => normal(seed, i));
  return Matrix.from1DArray(rows, columns, Array.from(values));
}

function randomTokens(seed: bigint, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(uniform(seed, i) * config.vocabSize));
}
