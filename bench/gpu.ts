/**
 * LoRA training of Gemma 2 on a GPU against PyTorch on the same card: random weights of the 2b shape, frozen
 * in bf16, adapters of rank 16 on all projections. First both must agree in f32 (logprobs, losses of
 * two steps); then PyTorch's weights become bf16 as well, and the two alternate. Says which share of the
 * matrix rate a step reaches, what each kernel takes by timestamps, and the same of each family of matmul
 * kernels. On a software adapter a tiny shape is run, against PyTorch on the CPU: that shows that this file
 * works, and nothing about a GPU.
 *
 *   npx tsx bench/gpu.ts [--shape tiny|2b|9b] [--rows 4] [--tokens 512] [--rank 16]
 *     [--recompute] [--rounds 5] [--one]
 *
 * SWIRL_PYTHON: a Python with torch and transformers.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Device } from '../src/device/device.ts';
import { type DecoderConfig, PROJECTIONS, projectionShape, tensorShapes } from '../src/engine/config.ts';
import type { Engine, PackedRows } from '../src/engine/engine.ts';
import type { DecoderSizes } from '../src/engine/families.ts';
import { configText } from '../src/engine/families.ts';
import { adapterShapes } from '../src/engine/lora.ts';
import { matmulFamilies } from '../src/engine/matmul-choice.ts';
import { createWebGpuEngine, type WebGpuEngineOptions } from '../src/engine/webgpu/engine.ts';
import { copyRates, multiplyAddRate } from './ceilings/measure.ts';
import { type Ceilings, kernelLines, percent } from './ceilings/shares.ts';
import { kernelTimes, watchKernels } from './ceilings/watch.ts';
import {
  agree,
  benchAdamW,
  benchDecoder,
  benchRows,
  median,
  parameterCount,
  roundsText,
  type Took,
  tookOf,
  trainingStep,
} from './rivals/decoder.ts';
import { madeAdapters, madeDecoder, madeSource, madeTable, madeTensors } from './rivals/made-weights.ts';
import { lacking, pythonPath } from './rivals/python.ts';
import { Worker } from './rivals/worker.ts';

const gemma = (
  hiddenSize: number,
  intermediateSize: number,
  layers: number,
  heads: number,
): DecoderSizes => ({
  ...{ vocabSize: 256000, hiddenSize, intermediateSize, layers },
  ...{ heads, keyValueHeads: heads / 2, headSize: 256, maxPositions: 8192 },
});
const shapes: Readonly<Record<string, DecoderSizes>> = {
  tiny: {
    ...{ vocabSize: 1000, hiddenSize: 96, intermediateSize: 256, layers: 3 },
    ...{ heads: 4, keyValueHeads: 2, headSize: 32, maxPositions: 512 },
  },
  '2b': gemma(2304, 9216, 26, 8),
  '9b': gemma(3584, 14336, 42, 16),
};

const { values: options } = parseArgs({
  options: {
    shape: { type: 'string' },
    rows: { type: 'string' },
    tokens: { type: 'string' },
    rank: { type: 'string', default: '16' },
    recompute: { type: 'boolean', default: false },
    /** Only the family that Swirl chooses. */
    one: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
  },
});

/** Steps whose kernels are timed. */
const RECORDED = 3;

const kernels = watchKernels();
const device = await Device.shared();
const { software } = device.adapter;
const shape = options.shape ?? (software ? 'tiny' : '2b');
if (!(shape in shapes))
  throw new Error(`--shape: expected ${Object.keys(shapes).join(', ')}, found ${shape}`);
const [count, length] = [Number(options.rows ?? 4), Number(options.tokens ?? (shape === 'tiny' ? 64 : 512))];
const { config, json } = benchDecoder('gemma2', shapes[shape]);
const lora = { rank: Number(options.rank), scale: 2, targets: PROJECTIONS };
const rows = benchRows(count, length, config.vocabSize);
const table = madeTable();
const made = { ...madeDecoder(config), ...madeAdapters(adapterShapes(config, lora)) };
const { recompute } = options;
console.log(
  `device ${device.adapter.name}; node ${process.version}\n${shape}: ${config.layers} layers of ${config.hiddenSize} x ${config.intermediateSize}, ` +
    `${(parameterCount(config) / 1e6).toFixed(1)} million parameters in bf16, LoRA of rank ${lora.rank} on all projections, ` +
    `${count} rows of ${length} tokens${recompute ? ', layers computed again' : ''}`,
);

const engine = await makeEngine();
const expected = await engine.forward(rows);
let ceilings: Ceilings;
const python = pythonPath();
const missing = lacking(python);
if (missing) {
  console.log(`skipped, PyTorch: ${missing}`);
  ceilings = await report(await rounds(engine, undefined), undefined);
} else {
  ceilings = await withPyTorch(python);
}
await engine.close();
if (!options.one) await families(expected, ceilings);

async function makeEngine(options: Pick<WebGpuEngineOptions, 'matmul' | 'precision'> = {}): Promise<Engine> {
  const started = performance.now();
  const source = madeSource(table, made, tensorShapes(config));
  const engine = await createWebGpuEngine(config, source, { ...options, lora, frozen: 'bf16', recompute });
  await setAdapters(engine);
  console.log(`weights made and on the device in ${seconds(started).toFixed(1)} s`);
  return engine;
}

/** As they were at first: B is 0. */
async function setAdapters(engine: Engine): Promise<void> {
  await engine.setWeights(madeTensors(table, made, adapterShapes(config, lora)));
}

async function withPyTorch(python: string): Promise<Ceilings> {
  const folder = await mkdtemp(join(tmpdir(), 'swirl-bench-'));
  const script = fileURLToPath(new URL('./rivals/pytorch.py', import.meta.url));
  const worker = new Worker('PyTorch', [python, script]);
  try {
    await writeFile(join(folder, 'config.json'), configText(json));
    await writeFile(join(folder, 'table'), new Uint8Array(table.buffer));
    const opened = await worker.ask<{ versions: string; device: string }>({
      ...{ do: 'open', folder, lora, adamw: benchAdamW, checkpoint: recompute, dtype: 'float32' },
      ...{ device: software ? 'cpu' : 'cuda', attention: 'eager' },
      made: { table: join(folder, 'table'), size: table.length, tensors: made },
    });
    console.log(`PyTorch on ${opened.device}, ${opened.versions}, eager attention`);
    const split = Array.from({ length: count }, (_, row) =>
      Array.from(rows.tokens.subarray(row * length, (row + 1) * length)),
    );
    await worker.ask({ do: 'batch', tokens: split });
    const exact = await worker.ask<{ logprobs: number[] }>({ do: 'logprobs' });
    agree('logprobs, against PyTorch in f32', expected, exact.logprobs, 1e-3);
    const here = [await trainingStep(engine, rows), await trainingStep(engine, rows)];
    const { losses } = await worker.ask<{ losses: number[] }>({ do: 'train', times: 2, clipNorm: 1 });
    agree('losses of two steps, against PyTorch in f32', here, losses, 1e-3);
    console.log(
      `as PyTorch in f32: logprobs to ${furthest(expected, exact.logprobs).toExponential(1)}, losses ${here.join(' ')} and ${losses.join(' ')}`,
    );
    await worker.ask({ do: 'format', dtype: 'bfloat16', adamw: benchAdamW });
    const rough = await worker.ask<{ logprobs: number[] }>({ do: 'logprobs' });
    console.log(
      `logprobs of PyTorch in bf16 are within ${furthest(await engine.forward(rows), rough.logprobs).toExponential(1)} of those here`,
    );
    const took = await rounds(engine, worker);
    const size = software ? 512 : 8192;
    const rate = await worker.ask<{ flops: number }>({ do: 'matmul', dtype: 'bfloat16', size, times: 20 });
    return await report(took, rate.flops);
  } finally {
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Rounds {
  readonly ours: Took[];
  readonly theirs: Took[];
}

async function rounds(engine: Engine, worker: Worker | undefined): Promise<Rounds> {
  const took: Rounds = { ours: [], theirs: [] };
  const train = (times: number) => worker?.ask<Took>({ do: 'train', times, clipNorm: benchAdamW.clipNorm });
  await train(1);
  await trainingStep(engine, rows);
  for (let round = 0; round < Number(options.rounds); round++) {
    const theirs = await train(2);
    if (theirs) took.theirs.push({ clock: theirs.clock / 2, processors: theirs.processors / 2 });
    took.ours.push(await tookOf(2, () => trainingStep(engine, rows)));
  }
  return took;
}

async function report({ ours, theirs }: Rounds, matrixRate: number | undefined): Promise<Ceilings> {
  const tokens = count * length;
  const clock = (rounds: readonly Took[]) => median(rounds.map((took) => took.clock));
  const flops = stepFlops(config, rows);
  if (theirs.length > 0) {
    console.log(`training: ${roundsText(tokens, { ours, theirs, rival: 'PyTorch in bf16' })}`);
  } else {
    console.log(`training: ${(tokens / clock(ours)).toFixed(0)} tokens/s here`);
  }
  const rate = flops / clock(ours);
  const multiplyAdd = await multiplyAddRate(device);
  const { kernel } = await copyRates(device, 2 ** 26);
  console.log(
    `a step has ${(flops / 1e12).toPrecision(3)} TFLOP of matmuls: ${(rate / 1e12).toPrecision(3)} TFLOP/s here, ` +
      `${percent(rate / multiplyAdd.flops)} of ${(multiplyAdd.flops / 1e12).toPrecision(3)} in f32 multiply-adds` +
      (matrixRate === undefined
        ? ''
        : `, ${percent(rate / matrixRate)} of ${(matrixRate / 1e12).toPrecision(3)} in PyTorch's bf16 matmuls` +
          `; PyTorch's step ${percent(flops / clock(theirs) / matrixRate)}`),
  );
  await kernelTable(engine, { flops: multiplyAdd.flops, bytes: kernel });
  return { flops: multiplyAdd.flops, bytes: kernel };
}

async function kernelTable(engine: Engine, ceilings: Ceilings): Promise<void> {
  const times = await kernelTimes(device, RECORDED, () => trainingStep(engine, rows));
  const trained = [...engine.trainable.values()].reduce((sum, [a, b]) => sum + a * b, 0);
  const batch = { config, rows: count, rowTokens: length, targets: rows.targets.length, trained };
  if (times.length === 0) console.log('no times by kernel: the adapter has no timestamps');
  else for (const line of kernelLines(times, kernels, batch, ceilings)) console.log(line);
}

/** The same steps with the other families of matmul kernels that the adapter has. */
async function families(expected: Float32Array, ceilings: Ceilings): Promise<void> {
  const precisions = device.has('shader-f16') ? (['f32', 'f16'] as const) : (['f32'] as const);
  for (const matmul of matmulFamilies) {
    for (const precision of matmul === 'registers' ? (['f32'] as const) : precisions) {
      const name = `matmul ${matmul}, ${precision}`;
      let engine: Engine;
      try {
        engine = await makeEngine({ matmul, precision });
      } catch (error) {
        console.log(`\n${name}: ${(error as Error).message}`);
        continue;
      }
      const apart = furthest(await engine.forward(rows), expected);
      const { ours } = await rounds(engine, undefined);
      const speed = (count * length) / median(ours.map((took) => took.clock));
      console.log(
        `\n${name}: ${speed.toFixed(0)} tokens/s; logprobs within ${apart.toExponential(1)} of those above`,
      );
      await kernelTable(engine, ceilings);
      await engine.close();
    }
  }
}

/**
 * Of a step that keeps what it needs: forward and the gradient of inputs through every frozen matmul and the
 * head, adapters three times, attention's two matmuls forward and four back. What is computed again is not
 * counted.
 */
function stepFlops(config: DecoderConfig, { tokens, targets }: PackedRows): number {
  const head = 4 * targets.length * config.vocabSize * config.hiddenSize;
  let layer = 0;
  for (const projection of PROJECTIONS) {
    const [output, input] = projectionShape(config, projection);
    layer += 4 * output * input + 6 * lora.rank * (output + input);
  }
  const pairs = (count * length * (length + 1)) / 2;
  const attention = 12 * config.heads * config.headSize * pairs;
  return head + config.layers * (tokens.length * layer + attention);
}

function furthest(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < expected.length; i++) most = Math.max(most, Math.abs(found[i] - expected[i]));
  return most;
}

function seconds(since: number): number {
  return (performance.now() - since) / 1000;
}
