/**
 * Every family of matmul kernels that the adapter has, on the same numbers: GFLOP/s on the device, by
 * timestamps, best of several rounds. Each family is tried against float64 first, and left out where it
 * fails. Rates between families say which one suits the adapter; the share of its peak is in
 * bench/kernels.ts.
 *
 *   npx tsx bench/matmul.ts [ROWS INPUT OUTPUT]
 */
import { Device } from '../src/device/device.ts';
import { Profiler } from '../src/device/profiler.ts';
import { encode } from '../src/engine/webgpu/kernels.ts';
import { chooseMatmul } from '../src/engine/webgpu/matmul/choose.ts';
import {
  batchSizes,
  type MatmulPass,
  MatmulTrial,
  matmulPasses,
  strides,
} from '../src/engine/webgpu/matmul/trial.ts';
import { matmulFamilies } from '../src/engine/webgpu/matmul-variants.ts';

const ROUNDS = 5;
const CALLS = 4;

const device = await Device.shared();
const given = process.argv.slice(2).map(Number);
// On a GPU a layer of Gemma 2 2b, on a software adapter one of the laboratory's.
const [rows, input, output] =
  given.length === 3 ? given : device.adapter.software ? [1280, 96, 768] : [2048, 2304, 18432];
const few = 16;
console.log(
  `device ${device.adapter.name}; ${rows} rows (${few} where few), ${input} to ${output}; GFLOP/s on the device, weights in f32 and bf16`,
);
console.log(`family | ${matmulPasses.map((name) => `${name}, f32 and bf16`).join(' | ')}`);
const numbers = madeNumbers();
for (const family of matmulFamilies) {
  for (const precision of ['f32', 'f16'] as const) {
    if (family === 'registers' && precision === 'f16') continue;
    await measure(family, precision);
  }
}

async function measure(family: (typeof matmulFamilies)[number], precision: 'f32' | 'f16'): Promise<void> {
  try {
    const { matmul } = await chooseMatmul(device, { family, precision });
    const cells = new Map<MatmulPass, string[]>();
    for (const format of ['f32', 'bf16'] as const) {
      const trial = new MatmulTrial(device, matmul, { input, output, format }, numbers);
      for (const pass of matmulPasses) {
        const speeds = cells.get(pass) ?? [];
        speeds.push((await speedOf(trial, pass)).toFixed(1));
        cells.set(pass, speeds);
      }
      trial.destroy();
    }
    const row = matmulPasses.map((pass) => cells.get(pass)?.join(' '));
    console.log(`${family}, ${precision} | ${row.join(' | ')}`);
  } catch (error) {
    console.log(`${family}, ${precision} | ${(error as Error).message}`);
  }
}

async function speedOf(trial: MatmulTrial, pass: MatmulPass): Promise<number> {
  const count = pass === 'forwardFewRows' ? few : rows;
  const dispatch = trial.prepare(pass, { rows: count });
  const list = new Array<typeof dispatch>(CALLS).fill(dispatch);
  const profiler = Profiler.start(device);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    device.submit((encoder) => encode(encoder, list, batchSizes(count), profiler));
    const times = await profiler.times();
    const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    // The first round compiles.
    if (round > 0) least = Math.min(least, total);
  }
  profiler.stop();
  return (CALLS * 2 * count * input * output) / 1e6 / least;
}

function madeNumbers() {
  const [xStride, yStride] = strides({ input, output });
  const room = Math.ceil(rows / 64) * 64;
  const matrix = (length: number) => Float32Array.from({ length }, (_, i) => ((i * 7919) % 997) / 997 - 0.5);
  return {
    ...{ x: matrix(room * xStride), y: matrix(room * yStride) },
    ...{ w: matrix(output * input), dw: matrix(output * input) },
  };
}
