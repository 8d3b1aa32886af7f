/**
 * A training step (forward, backward, AdamW) and cached decoding against PyTorch and transformers on the CPU,
 * for the same decoder from the same folder, in f32, turn by turn: the software adapter here and PyTorch have
 * the same cores. Before anything is timed both must give the same logprobs and the same losses.
 *
 *   npx tsx bench/pytorch.ts [lab] [medium] [large] [llama]     SWIRL_PYTHON: a Python with torch and
 *   transformers
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '../src/checkpoint/safetensors.ts';
import { Device } from '../src/device/device.ts';
import { sizeOf, tensorShapes } from '../src/engine/config.ts';
import type { Engine, Sample } from '../src/engine/engine.ts';
import { configText } from '../src/engine/families.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import { type BenchCase, benchCases } from './rivals/cases.ts';
import {
  agree,
  benchAdamW,
  benchRows,
  benchWeights,
  parameterCount,
  randomTokens,
  roundsText,
  type Took,
  tookOf,
  trainingStep,
} from './rivals/decoder.ts';
import { lacking, pythonPath } from './rivals/python.ts';
import { Worker } from './rivals/worker.ts';

const ROUNDS = 7;
/**
 * Threads that wait sleep: spinning, as is the default, PyTorch is 30 times slower where others use the cores
 * as well.
 */
const patient = { ...process.env, OMP_WAIT_POLICY: 'passive' };
const THREADS = 2;

const python = pythonPath();
const missing = lacking(python);
if (missing) {
  console.log(`skipped: ${missing}`);
} else {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !(name in benchCases));
  if (unknown.length > 0)
    throw new Error(`there is no ${unknown.join(', ')}; there are ${Object.keys(benchCases).join(', ')}`);
  const device = await Device.shared();
  console.log(
    `device ${device.adapter.name}; node ${process.version}, ${cpus().length} x ${cpus()[0].model}`,
  );
  for (const name of asked.length > 0 ? asked : Object.keys(benchCases))
    await compare(name, benchCases[name]());
}

async function compare(name: string, test: BenchCase): Promise<void> {
  const { config, json } = test.decoder;
  const weights = benchWeights(config);
  const folder = await mkdtemp(join(tmpdir(), 'swirl-bench-'));
  const script = fileURLToPath(new URL('./rivals/pytorch.py', import.meta.url));
  const worker = new Worker('PyTorch', [python, script], patient);
  const engine = await createWebGpuEngine(config, weights);
  try {
    await writeFile(join(folder, 'config.json'), configText(json));
    const tensors = [...tensorShapes(config)].map(
      ([name, shape]) =>
        [name, { shape, values: weights.get(name) ?? new Float32Array(sizeOf(shape)) }] as const,
    );
    await writeSafetensors(join(folder, 'model.safetensors'), new Map(tensors));
    const attention = config.attentionCap === null ? 'sdpa' : 'eager';
    const opened = await worker.ask<{ versions: string; threads: number }>({
      ...{ do: 'open', folder, attention, threads: THREADS, adamw: benchAdamW },
    });
    console.log(
      `\n${name}: ${config.family}, ${config.layers} layers of ${config.hiddenSize} x ${config.intermediateSize}, vocabulary ` +
        `${config.vocabSize}, ${parameterCount(config)} parameters; ${opened.versions}, ${opened.threads} threads, ${attention} attention`,
    );
    await decoding(test, engine, worker);
    await training(test, engine, worker);
  } finally {
    await worker.close();
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function training(test: BenchCase, engine: Engine, worker: Worker): Promise<void> {
  const [count, length] = test.rows;
  const rows = benchRows(count, length, engine.config.vocabSize);
  const split = Array.from({ length: count }, (_, row) =>
    Array.from(rows.tokens.subarray(row * length, (row + 1) * length)),
  );
  await worker.ask({ do: 'batch', tokens: split });
  const { logprobs } = await worker.ask<{ logprobs: number[] }>({ do: 'logprobs' });
  agree('logprobs', await engine.forward(rows), logprobs, 1e-4);
  const train = (times: number) =>
    worker.ask<Took & { losses: number[] }>({ do: 'train', times, clipNorm: benchAdamW.clipNorm });
  const here = [await trainingStep(engine, rows), await trainingStep(engine, rows)];
  const { losses } = await train(2);
  agree('losses of two steps', here, losses, 1e-4);
  const [ours, theirs]: Took[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const { clock, processors } = await train(test.steps);
    theirs.push({ clock: clock / test.steps, processors: processors / test.steps });
    ours.push(await tookOf(test.steps, () => trainingStep(engine, rows)));
  }
  const found = roundsText(count * length, { ours, theirs, rival: 'PyTorch' });
  console.log(
    `training, ${count} rows of ${length} tokens: ${found}; losses of two steps agree: ${here.map((loss) => loss.toFixed(4)).join(' ')}`,
  );
}

async function decoding(test: BenchCase, engine: Engine, worker: Worker): Promise<void> {
  const { slots, prompt, count } = test.samples;
  const prompts = Array.from({ length: slots }, (_, i) =>
    randomTokens(100 + i, prompt, engine.config.vocabSize),
  );
  const sampler = engine.sampler({ slots, maxLength: prompt + count });
  const draw = (): Promise<Sample[]> =>
    Promise.all(
      prompts.map((tokens, i) =>
        sampler.sample({
          ...{ prompt: tokens, maxTokens: count, temperature: 1, topP: 1, topK: 0 },
          ...{ stopTokens: [], seed: BigInt(i) },
        }),
      ),
    );
  const samples = await draw();
  const { logprobs } = await worker.ask<{ logprobs: number[] }>({
    ...{ do: 'logprobs', tokens: samples.map(({ tokens }, i) => [...prompts[i], ...tokens]) },
  });
  const row = prompt + count - 1;
  for (const [i, sample] of samples.entries()) {
    const expected = logprobs.slice(i * row + prompt - 1, (i + 1) * row);
    agree(`logprobs of sample ${i}`, sample.logprobs, expected, 1e-3);
  }
  const decode = () => worker.ask<Took & { meanLogprob: number }>({ do: 'decode', prompts, count });
  await decode();
  const [ours, theirs]: Took[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(await decode());
    ours.push(await tookOf(1, draw));
  }
  sampler.close();
  const found = roundsText(slots * count, { ours, theirs, rival: 'PyTorch' });
  console.log(`decoding, ${slots} at once, ${count} tokens after prompts of ${prompt}: ${found}`);
}
