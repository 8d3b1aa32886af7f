/**
 * Where the time of a training step and of a decoding step goes: per kernel how often and how long, from
 * timestamps on the device, with each family of matmul kernels that the adapter has. The first round of each,
 * which compiles, does not count.
 *
 *   npx tsx bench/profile.ts [workgroup|registers|matrix ...]
 */
import { Device } from '../src/device/device.ts';
import { Profiler } from '../src/device/profiler.ts';
import { sizeOf, tensorShapes } from '../src/engine/config.ts';
import type { Engine } from '../src/engine/engine.ts';
import { gemma2Decoder } from '../src/engine/families.ts';
import { type MatmulFamily, matmulFamilies } from '../src/engine/matmul-choice.ts';
import { packRows } from '../src/engine/rows.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import { chooseMatmul } from '../src/engine/webgpu/matmul/choose.ts';

const config = gemma2Decoder({
  ...{ vocabSize: 512, hiddenSize: 128, intermediateSize: 512, layers: 4 },
  ...{ heads: 4, keyValueHeads: 2, headSize: 32, maxPositions: 512, window: 64 },
});
const ROWS = 8;
const ROW_TOKENS = 128;
const SAMPLES = 64;
const ROUNDS = 4;

const device = await Device.shared();
console.log(`device ${device.adapter.name}; chosen: ${JSON.stringify(await chooseMatmul(device))}`);
console.log(
  `${config.layers} layers of ${config.hiddenSize}; training ${ROWS} rows of ${ROW_TOKENS}; decoding ${SAMPLES} samples`,
);
const asked = process.argv.slice(2);
for (const family of matmulFamilies) {
  if (asked.length > 0 && !asked.includes(family)) continue;
  await profile(family);
}

async function profile(family: MatmulFamily): Promise<void> {
  const weights = new Map(
    [...tensorShapes(config)].map(([name, shape]) => {
      const length = sizeOf(shape);
      return [name, Float32Array.from({ length }, (_, i) => 0.05 * Math.sin(i * i))] as const;
    }),
  );
  let engine: Engine;
  try {
    engine = await createWebGpuEngine(config, new Map(weights), { matmul: family });
  } catch (error) {
    console.log(`\n${family}: ${(error as Error).message}`);
    return;
  }
  await table(`${family}: a training step`, () => trainingStep(engine));
  await table(`${family}: a decoding step`, () => decodingSteps(engine), 16);
  await engine.close();
}

async function trainingStep(engine: Engine): Promise<void> {
  const tokens = Array.from({ length: ROW_TOKENS }, (_, i) => (i * 7919) % config.vocabSize);
  const targets = tokens.map((_, i) => i).slice(1);
  const rows = packRows(Array.from({ length: ROWS }, () => ({ tokens, targets })));
  await engine.forward(rows);
  await engine.backward(new Float32Array(rows.targets.length).fill(1e-3));
  const adamW = { learningRate: 0, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };
  await engine.update(adamW);
}

/** 16 tokens for each sample, after prompts of one token: every step is a decoding step. */
async function decodingSteps(engine: Engine): Promise<void> {
  const sampler = engine.sampler({ slots: SAMPLES, maxLength: 32 });
  const request = (i: number) => ({
    ...{ prompt: [i], maxTokens: 16, temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: BigInt(i) },
  });
  await Promise.all(Array.from({ length: SAMPLES }, (_, i) => sampler.sample(request(i))));
  sampler.close();
}

/** Times of one step, the best of the rounds. */
async function table(title: string, run: () => Promise<void>, steps = 1): Promise<void> {
  await run();
  let wall = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    await run();
    wall = Math.min(wall, performance.now() - began);
  }
  const profiler = Profiler.start(device);
  let best: Awaited<ReturnType<typeof profiler.times>> = [];
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    await run();
    const times = await profiler.times();
    const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    if (total < least) [best, least] = [times, total];
  }
  profiler.stop();
  console.log(
    `\n${title}: ${(wall / steps).toFixed(2)} ms; in kernels ${(least / steps).toFixed(2)} ms | calls | ms | share`,
  );
  for (const { label, calls, milliseconds } of best) {
    const share = `${((100 * milliseconds) / least).toFixed(1)} %`;
    console.log(`${label} | ${calls / steps} | ${(milliseconds / steps).toFixed(3)} | ${share}`);
  }
}
