/**
 * What the adapter can do at most, measured by kernels written for that, and each kernel's share of it in a
 * training step.
 *
 *   npx tsx bench/ceilings.ts [lab] [medium] [large]
 */
import { cpus } from 'node:os';
import { Device } from '../src/device/device.ts';
import { createReferenceEngine } from '../src/engine/reference/engine.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import { copyRates, multiplyAddRate, overheads } from './ceilings/measure.ts';
import { type Ceilings, kernelLines } from './ceilings/shares.ts';
import { kernelTimes, watchKernels } from './ceilings/watch.ts';
import { benchCases } from './rivals/cases.ts';
import { agree, benchRows, benchWeights, parameterCount, trainingStep } from './rivals/decoder.ts';

const ROUNDS = 9;

const kernels = watchKernels();
const device = await Device.shared();
console.log(`device ${device.adapter.name}; node ${process.version}, ${cpus().length} x ${cpus()[0].model}`);
const ceilings = await measureCeilings();
const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : ['lab', 'medium']) await shares(name, ceilings);

async function measureCeilings(): Promise<Ceilings> {
  const rate = await multiplyAddRate(device);
  console.log(`multiply-adds in registers: ${(rate.flops / 1e9).toFixed(1)} GFLOP/s (${rate.how})`);
  let bytes = 0;
  for (const mebibytes of [0.5, 2, 16]) {
    const { kernel, how, copy } = await copyRates(device, mebibytes * 2 ** 20);
    // Of arrays as large as a batch's.
    if (mebibytes === 2) bytes = kernel;
    console.log(
      `copying ${mebibytes} MiB, read and written: ${(kernel / 1e9).toFixed(1)} GB/s by a kernel (${how}), ` +
        `${(copy / 1e9).toFixed(1)} by copyBufferToBuffer`,
    );
  }
  const { dispatch, submit } = await overheads(device);
  console.log(
    `a dispatch of nothing: ${(1e6 * dispatch).toFixed(1)} us; a submit and the wait for it: ${(1e6 * submit).toFixed(0)} us`,
  );
  return { flops: rate.flops, bytes };
}

async function shares(name: string, ceilings: Ceilings): Promise<void> {
  const {
    decoder,
    rows: [count, length],
  } = benchCases[name]();
  const { config } = decoder;
  const weights = benchWeights(config);
  const rows = benchRows(count, length, config.vocabSize);
  const engine = await createWebGpuEngine(config, weights);
  if (parameterCount(config) < 2e6) {
    const reference = await createReferenceEngine(config, weights);
    agree('logprobs', await engine.forward(rows), await reference.forward(rows), 1e-4);
    await reference.close();
  }
  await trainingStep(engine, rows);
  const times = await kernelTimes(device, ROUNDS, () => trainingStep(engine, rows));
  const trained = parameterCount(config);
  const batch = { config, rows: count, rowTokens: length, targets: rows.targets.length, trained };
  console.log(
    `\n${name}: ${config.family}, ${config.layers} layers of ${config.hiddenSize} x ${config.intermediateSize}, vocabulary ${config.vocabSize}, ` +
      `${count} rows of ${length} tokens; kernels by timestamps, the least of ${ROUNDS} steps`,
  );
  if (times.length === 0) console.log('skipped: the adapter has no timestamps');
  else for (const line of kernelLines(times, kernels, batch, ceilings)) console.log(line);
  await engine.close();
}
