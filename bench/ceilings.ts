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
import { type Recorded, record, watchKernels } from './ceilings/record.ts';
import { type BatchWork, workOf } from './ceilings/work.ts';
import { benchCases } from './rivals/cases.ts';
import { agree, benchRows, benchWeights, parameterCount, trainingStep } from './rivals/decoder.ts';

interface Ceilings {
  readonly flops: number;
  readonly bytes: number;
}

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
      'kernel | a step has | us each | share of the time | rate | share of the ceiling',
  );
  for (const line of await lines(launched, batch, ceilings)) console.log(line);
  await engine.close();
}

/** A line for each kernel and size, the longest first. */
async function lines(launched: readonly Recorded[], batch: BatchWork, ceilings: Ceilings): Promise<string[]> {
  const alike = new Map<string, Recorded[]>();
  for (const one of launched) {
    const key = keyOf(one);
    alike.set(key, [...(alike.get(key) ?? []), one]);
  }
  const timed: { key: string; times: number; seconds: number; rate: string }[] = [];
  for (const [key, [first, ...others]] of alike) {
    const seconds = await secondsOf(device, `${batch.config.hiddenSize} ${key}`, first);
    const work = workOf(first.name, first.call, batch);
    const rate = !work
      ? ' | '
      : 'flops' in work
        ? `${(work.flops / seconds / 1e9).toFixed(1)} GFLOP/s | ${percent(work.flops / seconds / ceilings.flops)}`
        : `${(work.bytes / seconds / 1e9).toFixed(1)} GB/s | ${percent(work.bytes / seconds / ceilings.bytes)}`;
    timed.push({ key, times: 1 + others.length, seconds, rate });
  }
  const all = timed.reduce((sum, { times, seconds }) => sum + times * seconds, 0);
  return timed
    .sort((a, b) => b.times * b.seconds - a.times * a.seconds)
    .map(
      ({ key, times, seconds, rate }) =>
        `${key} | ${times} | ${(1e6 * seconds).toFixed(0)} | ${percent((times * seconds) / all)} | ${rate}`,
    );
}

/** Dispatches that do the same amount of work have the same. */
function keyOf({ name, call }: Recorded): string {
  return name.startsWith('matmul') ? `${name}, ${4 * call[0]} to ${4 * call[1]}` : name;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
