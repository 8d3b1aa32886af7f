/**
 * What the adapter can do at most, and each kernel's share of it. The ceilings are measured by kernels written for that; the
 * engine's kernels are those of a real training step, each repeated alone on the step's own buffers.
 *
 *   npx tsx bench/ceilings.ts [lab] [medium] [large]
 */
import { cpus } from 'node:os';
import { Device } from '../src/device/device.ts';
import { createReferenceEngine } from '../src/policy/reference.ts';
import { createWebGpuEngine } from '../src/policy/webgpu-engine.ts';
import { copyRates, multiplyAddRate, overheads, secondsOf } from './ceilings/measure.ts';
import { record, watchKernels } from './ceilings/record.ts';
import { type Ceilings, heading, kernelLines } from './ceilings/shares.ts';
import { benchCases } from './rivals/cases.ts';
import { agree, benchRows, benchWeights, parameterCount, trainingStep } from './rivals/decoder.ts';

watchKernels();
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
    agree('log-probabilities', await engine.forward(rows), await reference.forward(rows), 1e-4);
    await reference.close();
  }
  await trainingStep(engine, rows);
  const started = performance.now();
  const launched = await record(device, () => trainingStep(engine, rows));
  const step = (performance.now() - started) / 1000;
  const trained = parameterCount(config);
  const batch = { config, rows: count, rowTokens: length, targets: rows.targets.length, trained };
  console.log(
    `\n${name}: ${config.family}, ${config.layers} layers of ${config.hiddenSize} x ${config.intermediateSize}, vocabulary ${config.vocabSize}, ` +
      `${count} rows of ${length} tokens; ${launched.length} dispatches a step of ${(1000 * step).toFixed(0)} ms\n` +
      heading,
  );
  const lines = await kernelLines(launched, batch, ceilings, ([first], key) =>
    secondsOf(device, `${name} ${key}`, first),
  );
  for (const line of lines) console.log(line);
  await engine.close();
}
