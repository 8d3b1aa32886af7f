/**
 * A training step and sampling of 64 at once, of a policy of the demo's size, with the kernels that the adapter
 * is given and with those in registers, in turn; logprobs and tokens are compared first. Wall time, the least
 * of several rounds, and the same of the processor's time, which other work disturbs less.
 *
 *   npx tsx bench/steps.ts
 */
import { Device } from '../src/device/device.ts';
import type { Engine, SampleRequest } from '../src/engine/engine.ts';
import { gemma2Decoder } from '../src/engine/families.ts';
import { packRows } from '../src/engine/rows.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import { uniform } from '../src/random.ts';
import { agree, benchWeights } from './rivals/decoder.ts';

const ROUNDS = 25;
/** Rows of a training batch and their tokens; a third of these are targets. */
const ROWS = 16;
const ROW_TOKENS = 64;
/** Samples at once, the tokens of their prompts, and new ones. */
const SAMPLES = 64;
const PROMPT = 40;
const NEW_TOKENS = 16;

const config = gemma2Decoder({
  ...{ vocabSize: 192, hiddenSize: 64, intermediateSize: 128, layers: 2 },
  ...{ heads: 4, keyValueHeads: 2, headSize: 16, maxPositions: 256, window: 256 },
});
const weights = benchWeights(config);
const before = await createWebGpuEngine(config, weights, { matmul: 'without-subgroups' });
const now = await createWebGpuEngine(config, weights, { matmul: 'with-subgroups' });
const device = await Device.shared();
console.log(
  `device ${device.adapter.name}; ${config.layers} layers of ${config.hiddenSize}; least of ${ROUNDS} rounds in turn, ms`,
);

const tokens = (seed: number, count: number) =>
  Array.from({ length: count }, (_, i) => Math.floor(uniform(BigInt(seed), i) * config.vocabSize));
const rows = packRows(
  Array.from({ length: ROWS }, (_, row) => ({
    tokens: tokens(row, ROW_TOKENS),
    targets: Array.from({ length: ROW_TOKENS - 1 }, (_, i) => i + 1).filter((i) => i % 3 === 0),
  })),
);
agree('logprobs', await trainingStep(now), await trainingStep(before), 1e-4);
const [expected, found] = [await sampling(before), await sampling(now)];
for (const [i, { tokens: drawn, logprobs }] of expected.entries()) {
  agree(`tokens of sample ${i}`, found[i].tokens, drawn, 0);
  agree(`logprobs of sample ${i}`, found[i].logprobs, logprobs, 1e-3);
}
console.log('| without subgroups | with | ratio | ratio of processor time');
await inTurn('a training step', trainingStep);
await inTurn(`${SAMPLES} samples of ${NEW_TOKENS} tokens after ${PROMPT}`, sampling);
await before.close();
await now.close();

async function trainingStep(engine: Engine): Promise<Float32Array> {
  const logprobs = await engine.forward(rows);
  await engine.backward(new Float32Array(rows.targets.length).fill(1e-3));
  await engine.update({
    ...{ learningRate: 0, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
  });
  return logprobs;
}

async function sampling(engine: Engine) {
  const sampler = engine.sampler({ slots: SAMPLES, maxLength: PROMPT + NEW_TOKENS });
  const request = (i: number): SampleRequest => ({
    ...{ prompt: tokens(i, PROMPT), maxTokens: NEW_TOKENS, temperature: 1, topP: 1, topK: 0 },
    ...{ stopTokens: [], seed: BigInt(i) },
  });
  const samples = await Promise.all(Array.from({ length: SAMPLES }, (_, i) => sampler.sample(request(i))));
  sampler.close();
  return samples;
}

async function inTurn(what: string, run: (engine: Engine) => Promise<unknown>): Promise<void> {
  const least = [before, now].map(() => ({
    wall: Number.POSITIVE_INFINITY,
    processor: Number.POSITIVE_INFINITY,
  }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [n, engine] of [before, now].entries()) {
      const [began, used] = [performance.now(), process.cpuUsage()];
      await run(engine);
      least[n].wall = Math.min(least[n].wall, performance.now() - began);
      least[n].processor = Math.min(least[n].processor, process.cpuUsage(used).user / 1000);
    }
  }
  const [old, fresh] = least;
  const ratio = (key: 'wall' | 'processor') => (old[key] / fresh[key]).toFixed(2);
  console.log(
    `${what} | ${old.wall.toFixed(1)} | ${fresh.wall.toFixed(1)} | ${ratio('wall')} | ${ratio('processor')}`,
  );
}
