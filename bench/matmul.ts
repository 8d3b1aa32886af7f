/**
 * The families of matmul kernels that the adapter has, on the same numbers and in turn: GFLOP/s on the device
 * by timestamps, the best of several rounds, and how many times the kernels in registers. Each family is tried
 * against float64 first, and left out where it fails; what it makes of the numbers here is compared as well. Then weights
 * that stay packed, beside the same numbers in f32.
 * Shares of what the adapter can do are in bench/ceilings.ts.
 *
 *   npx tsx bench/matmul.ts [ROWS INPUT OUTPUT]
 */
import { Device } from '../src/device/device.ts';
import { Profiler } from '../src/device/profiler.ts';
import { type MatmulFamily, matmulFamilies } from '../src/engine/matmul-choice.ts';
import { packedFormats, unpack } from '../src/engine/packed.ts';
import { packedWords } from '../src/engine/self-check/packed-words.ts';
import { encode } from '../src/engine/webgpu/kernels.ts';
import { chooseMatmul } from '../src/engine/webgpu/matmul/choose.ts';
import {
  batchSizes,
  type MatmulPass,
  MatmulTrial,
  matmulPasses,
  strides,
} from '../src/engine/webgpu/matmul/trial.ts';
import { agree } from './rivals/decoder.ts';

const ROUNDS = 25;
/** Rows of `forwardFewRows`: samples at once. */
const FEW = 64;

interface Sizes {
  readonly rows: number;
  readonly input: number;
  readonly output: number;
}

/** On a software adapter layers of the demo's policy, and of parts of layers of 135m and 2b: short enough to find the cores idle. */
const ofPolicies: Readonly<Record<string, Sizes>> = {
  demo: { rows: 640, input: 64, output: 256 },
  '135m': { rows: 128, input: 576, output: 1536 },
  '2b': { rows: 256, input: 2304, output: 1024 },
};

const device = await Device.shared();
const given = process.argv.slice(2).map(Number);
const [rows, input, output] = given;
// On a GPU a layer of Gemma 2 2b.
const cases =
  given.length === 3
    ? { given: { rows, input, output } }
    : device.adapter.software
      ? ofPolicies
      : { '2b': { rows: 2048, input: 2304, output: 18432 } };
for (const [name, sizes] of Object.entries(cases)) {
  await compare(name, sizes);
  await comparePacked(sizes);
}

async function compare(name: string, sizes: Sizes): Promise<void> {
  const { rows, input, output } = sizes;
  console.log(
    `\n${name}; device ${device.adapter.name}; ${rows} rows (${FEW} where few), ${input} to ${output}; ` +
      'GFLOP/s, and times registers, with weights in f32 and bf16 (of which no gradient is taken)',
  );
  console.log(`family | ${matmulPasses.join(' | ')} | both gradients`);
  const numbers = madeNumbers(sizes);
  const columns: Record<'f32' | 'bf16', Map<string, number>>[] = [];
  for (const pass of matmulPasses) {
    const speeds = async (format: 'f32' | 'bf16') => {
      const trials = new Map<string, MatmulTrial>();
      for (const [label, matmul] of await methods()) {
        trials.set(label, new MatmulTrial(device, matmul, { input, output, format }, numbers));
      }
      const best = await inTurn(trials, pass, sizes);
      for (const trial of trials.values()) trial.destroy();
      return best;
    };
    const f32 = await speeds('f32');
    columns.push({ f32, bf16: pass === 'backwardWeight' ? f32 : await speeds('bf16') });
  }
  const [ofInput, ofWeight] = columns.slice(-2);
  const both = (format: 'f32' | 'bf16') =>
    new Map(
      [...ofInput[format]].map(([label, speed]) => [
        label,
        2 / (1 / speed + 1 / (ofWeight[format].get(label) ?? Number.NaN)),
      ]),
    );
  columns.push({ f32: both('f32'), bf16: both('bf16') });
  for (const label of columns[0].f32.keys()) {
    const cell = (speeds: ReadonlyMap<string, number>) => {
      const [speed, base] = [label, 'registers, f32'].map((key) => speeds.get(key) ?? Number.NaN);
      return `${speed.toFixed(1)} (${(speed / base).toFixed(1)})`;
    };
    const row = columns.map(({ f32, bf16 }) => (f32 === bf16 ? cell(f32) : `${cell(f32)} ${cell(bf16)}`));
    console.log(`${label} | ${row.join(' | ')}`);
  }
}

/** Weights that are packed, beside what they are in f32, by the kernels that the adapter gets. */
async function comparePacked(sizes: Sizes): Promise<void> {
  const { rows, input, output } = sizes;
  const { matmul } = await chooseMatmul(device);
  const passes = matmulPasses.filter((pass) => pass !== 'backwardWeight');
  console.log(`packed (${matmul.family}): GFLOP/s, and times f32 | ${passes.join(' | ')}`);
  for (const format of packedFormats) {
    const numbers = madeNumbers(sizes);
    const words = packedWords(format, input * output);
    const plain = { ...numbers, w: unpack(words, format) };
    const trials = new Map([
      ['f32', new MatmulTrial(device, matmul, { input, output, format: 'f32' }, plain)],
      [format, new MatmulTrial(device, matmul, { input, output, format }, { ...numbers, w: words })],
    ]);
    const cells: string[] = [];
    for (const pass of passes) {
      const best = await inTurn(trials, pass, { rows, input, output }, 'f32');
      const speed = best.get(format) ?? Number.NaN;
      cells.push(`${speed.toFixed(1)} (${(speed / (best.get('f32') ?? Number.NaN)).toFixed(2)})`);
    }
    console.log(`${format} | ${cells.join(' | ')}`);
    for (const trial of trials.values()) trial.destroy();
  }
}

/** GFLOP/s of each, best of the rounds, after their answers were compared with one's. */
async function inTurn(
  trials: ReadonlyMap<string, MatmulTrial>,
  pass: MatmulPass,
  sizes: Sizes,
  base = 'registers, f32',
) {
  const rows = pass === 'forwardFewRows' ? Math.min(FEW, sizes.rows) : sizes.rows;
  const expected = await trials.get(base)?.run(pass, { rows });
  for (const [label, trial] of trials) {
    const tolerance = label.endsWith('f16') ? 1e-2 : 1e-4;
    agree(`${pass}, ${label}`, await trial.run(pass, { rows }), expected ?? [], tolerance);
  }
  const best = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [label, trial] of trials) {
      const dispatch = trial.prepare(pass, { rows });
      const profiler = Profiler.start(device);
      device.submit((encoder) => encode(encoder, [dispatch], batchSizes(rows), profiler));
      const times = await profiler.times();
      profiler.stop();
      const took = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
      const speed = (2 * rows * sizes.input * sizes.output) / 1e6 / took;
      best.set(label, Math.max(best.get(label) ?? 0, speed));
    }
  }
  return best;
}

async function methods() {
  const found: (readonly [string, Awaited<ReturnType<typeof chooseMatmul>>['matmul']])[] = [];
  const both = (family: MatmulFamily) => family === 'workgroup' || family === 'matrix';
  const wanted = matmulFamilies.flatMap((family) =>
    (both(family) ? (['f32', 'f16'] as const) : (['f32'] as const)).map(
      (precision) => [family, precision] as const,
    ),
  );
  for (const [family, precision] of wanted) {
    // GPUs' kernels say nothing on a software adapter, and take long there.
    if (device.adapter.software && precision === 'f16') continue;
    try {
      const { matmul } = await chooseMatmul(device, { family, precision });
      found.push([`${family}, ${precision}`, matmul]);
    } catch {
      // The adapter has none; `swirl doctor` says why.
    }
  }
  return found;
}

function madeNumbers({ rows, input, output }: Sizes) {
  const [xStride, yStride] = strides({ input, output });
  const room = Math.ceil(rows / 64) * 64;
  const matrix = (length: number) => Float32Array.from({ length }, (_, i) => ((i * 7919) % 997) / 997 - 0.5);
  return {
    ...{ x: matrix(room * xStride), y: matrix(room * yStride) },
    ...{ w: matrix(output * input), dw: matrix(output * input) },
  };
}
