import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeAdapter, findAdapter } from '../../../src/device/adapter.ts';
import { Device } from '../../../src/device/device.ts';
import { toBfloat16, toFloat32Values } from '../../../src/engine/number-formats.ts';
import { packedFormats, unpack } from '../../../src/engine/packed.ts';
import { packedWords } from '../../../src/engine/self-check/packed-words.ts';
import { chooseMatmul, type MatmulWanted } from '../../../src/engine/webgpu/matmul/choose.ts';
import {
  type MatmulPass,
  MatmulTrial,
  margins,
  matmulPasses,
  strides,
  type TrialNumbers,
  type TrialOptions,
  type TrialRun,
} from '../../../src/engine/webgpu/matmul/trial.ts';
import type { MatmulMethod } from '../../../src/engine/webgpu/matmul-variants.ts';
import { normal } from '../../../src/random.ts';
import { onDevice } from '../../device/on-device.ts';

const adapter = await findAdapter().then(describeAdapter, () => null);

/** By name: what is asked for, and the largest error with weights in f32 and in bf16. */
const families: [string, Required<MatmulWanted>, Record<'f32' | 'bf16', number>][] = [
  ['registers', { family: 'registers', precision: 'f32' }, { f32: 3e-7, bf16: 3e-7 }],
  ['workgroup', { family: 'workgroup', precision: 'f32' }, { f32: 3e-7, bf16: 3e-7 }],
];
// lavapipe has 8 lanes, SwiftShader 4.
const { least = 0, most = 0 } = adapter?.subgroupSize ?? {};
if (adapter?.features.includes('subgroups') && least === most && [4, 8, 16].includes(least)) {
  families.push(['subgroups', { family: 'subgroups', precision: 'f32' }, { f32: 3e-7, bf16: 3e-7 }]);
}
if (adapter?.features.includes('shader-f16')) {
  families.push(['workgroup, f16', { family: 'workgroup', precision: 'f16' }, { f32: 3e-7, bf16: 6e-4 }]);
}
// lavapipe has none in Mesa 25.0.7, and some in 26.2.6.
if (adapter && adapter.subgroupMatrices.length > 0) {
  families.push(
    ['matrix', { family: 'matrix', precision: 'f32' }, { f32: 3e-7, bf16: 1e-6 }],
    ['matrix, f16', { family: 'matrix', precision: 'f16' }, { f32: 3e-7, bf16: 6e-4 }],
  );
}

/** Numbers for so many rows; up to the next whole tile, where kernels may read, there is NaN. */
function numbersFor(rows: number, { input, output }: TrialOptions): TrialNumbers {
  const [xStride, yStride] = strides({ input, output });
  const room = Math.max(64, Math.ceil(rows / 64) * 64);
  const matrix = (seed: bigint, height: number, width: number, whole = height) =>
    Float32Array.from({ length: whole * width }, (_, i) =>
      i < height * width ? normal(seed, i) : Number.NaN,
    );
  return {
    x: matrix(1n, rows, xStride, room),
    y: matrix(2n, rows, yStride, room),
    // As bf16 holds them, so that both formats have the same.
    w: toFloat32Values(new Uint8Array(toBfloat16(matrix(3n, output, input)).buffer), 'BF16'),
    dw: matrix(4n, output, input),
  };
}

/**
 * Largest difference from plain loops in float64, over what the terms of a sum may amount to. NaN: other
 * numbers changed.
 */
function errorOf(
  found: Float32Array,
  pass: MatmulPass,
  numbers: TrialNumbers,
  { rows, add = false, scale = 1, ...sizes }: TrialOptions & TrialRun,
): number {
  const [xStride, yStride] = strides(sizes);
  const x = (m: number, k: number) => numbers.x[m * xStride + margins.xBefore + k];
  const y = (m: number, n: number) => numbers.y[m * yStride + margins.yBefore + n];
  const w = (n: number, k: number) => numbers.w[n * sizes.input + k];
  let worst = 0;
  const compare = (at: number, before: number, depth: number, term: (i: number) => number) => {
    let [sum, size] = [before, Math.abs(before)];
    for (let i = 0; i < depth; i++) {
      const value = scale * term(i);
      sum += value;
      // Not Math.abs: a global costs more than all the rest inside Jest's context.
      size += value < 0 ? -value : value;
    }
    const off = Math.abs(found[at] - sum);
    worst = Math.max(worst, off === 0 ? 0 : off / size);
  };
  const weight = pass === 'backwardWeight';
  const input = pass === 'backwardInput';
  const columns = input || weight ? sizes.input : sizes.output;
  const [stride, first] = weight
    ? [columns, 0]
    : input
      ? [xStride, margins.xBefore]
      : [yStride, margins.yBefore];
  const before = weight ? numbers.dw : input ? numbers.x : numbers.y;
  for (let row = 0; row < (weight ? sizes.output : rows); row++) {
    for (let c = 0; c < stride; c++) {
      const at = row * stride + c;
      const column = c - first;
      if (column < 0 || column >= columns) worst = Object.is(found[at], before[at]) ? worst : Number.NaN;
      else if (weight) compare(at, before[at], rows, (m) => y(m, row) * x(m, column));
      else if (input) compare(at, add ? before[at] : 0, sizes.output, (n) => y(row, n) * w(n, column));
      else compare(at, add ? before[at] : 0, sizes.input, (k) => x(row, k) * w(column, k));
    }
  }
  return worst;
}

/** Rows of which each takes one column of the weights. */
function ones(input: number, output: number): Pick<TrialNumbers, 'x' | 'y'> {
  const [xStride, yStride] = strides({ input, output });
  const x = new Float32Array(64 * xStride);
  for (let row = 0; row < input; row++) x[row * xStride + margins.xBefore + row] = 1;
  return { x, y: new Float32Array(64 * yStride) };
}

onDevice('matmul', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.shared();
  });

  describe.each(families)('%s', (_family, wanted, tolerance) => {
    let matmul: MatmulMethod;
    beforeAll(async () => {
      ({ matmul } = await chooseMatmul(device, wanted));
    });

    /** Rows, input, output, scale: below and above a tile, and nothing whole. */
    test.each([
      [1, 4, 4, 1],
      [3, 20, 12, 0.5],
      [64, 64, 64, 1],
      [65, 68, 132, 2],
      [130, 36, 100, 1],
      // Of several panels, and slices of the weight's gradient.
      [130, 148, 260, 1],
    ])('%i rows, %i to %i, times %d: as float64', async (rows, input, output, scale) => {
      for (const format of ['f32', 'bf16'] as const) {
        const options = { input, output, format };
        const numbers = numbersFor(rows, options);
        const trial = new MatmulTrial(device, matmul, { ...options, gradientRows: 64 }, numbers);
        for (const pass of matmulPasses) {
          for (const add of [false, true]) {
            const run = { rows, add, scale };
            const found = await trial.run(pass, run);
            const error = errorOf(found, pass, numbers, { ...options, ...run });
            expect([pass, format, add, error < tolerance[format] ? 'close' : error]).toEqual([
              pass,
              format,
              add,
              'close',
            ]);
          }
        }
        trial.destroy();
      }
    });

    test.each(packedFormats)('weights packed as %s give the bits that they give in f32', async (format) => {
      const options = { input: 96, output: 76 };
      const plain = numbersFor(65, { ...options, format });
      const words = packedWords(format, options.input * options.output);
      const packed = new MatmulTrial(device, matmul, { ...options, format }, { ...plain, w: words });
      const w = unpack(words, format);
      const whole = new MatmulTrial(device, matmul, { ...options, format: 'f32' }, { ...plain, w });
      for (const pass of ['forward', 'forwardFewRows', 'backwardInput'] as const) {
        for (const run of [{ rows: 65 }, { rows: 5, add: true, scale: 0.5 }])
          expect(await packed.run(pass, run)).toEqual(await whole.run(pass, run));
      }
      packed.destroy();
      whole.destroy();
    });

    test('rows of any size, among them one of zeros', async () => {
      if (wanted.family === 'workgroup' && wanted.precision === 'f16') return; // They come as they are, and f16 holds no such rows.
      const options = { input: 36, output: 20, format: 'bf16' } as const;
      const plain = numbersFor(9, options);
      const sized = (values: Float32Array, stride: number) =>
        values.map((value, i) => value * [0, 2 ** -80, 1, 2 ** 60][Math.floor(i / stride) % 4]);
      const [xStride, yStride] = strides(options);
      const numbers = { ...plain, x: sized(plain.x, xStride), y: sized(plain.y, yStride) };
      const trial = new MatmulTrial(device, matmul, options, numbers);
      for (const pass of ['forward', 'backwardInput'] as const) {
        const found = await trial.run(pass, { rows: 9 });
        // Rows of zeros have no terms to compare with.
        const stride = pass === 'forward' ? yStride : xStride;
        const [before, columns] =
          pass === 'forward' ? [margins.yBefore, options.output] : [margins.xBefore, options.input];
        for (const row of [0, 4, 8]) {
          const start = row * stride + before;
          expect(found.slice(start, start + columns)).toEqual(new Float32Array(columns));
        }
        const error = errorOf(found, pass, numbers, { ...options, rows: 9 });
        expect([pass, error < tolerance.bf16 ? 'close' : error]).toEqual([pass, 'close']);
      }
      trial.destroy();
    });

    test('what f16 cannot hold leaves nothing that looks like a number', async () => {
      if (wanted.family !== 'matrix' && wanted.precision === 'f32') return;
      const options = { input: 36, output: 20, format: 'bf16' } as const;
      const numbers = numbersFor(3, options);
      numbers.w[0] = 2 ** 17;
      const trial = new MatmulTrial(device, matmul, options, numbers);
      const found = await trial.run('forward', { rows: 3 });
      const [, stride] = strides(options);
      for (let row = 0; row < 3; row++)
        expect(Number.isFinite(found[row * stride + margins.yBefore])).toBe(false);
      trial.destroy();
    });

    test('a row does not depend on how many there are; the same again is the same to the bit', async () => {
      const options = { input: 84, output: 140, format: 'bf16' } as const;
      const numbers = numbersFor(130, options);
      const [xStride, yStride] = strides(options);
      for (const [values, stride, before, columns] of [
        [numbers.x, xStride, margins.xBefore, options.input],
        [numbers.y, yStride, margins.yBefore, options.output],
      ] as const) {
        // A row of zeros, some of whose products are -0, and one that ends with what is infinite.
        values.fill(0, 3 * stride, 4 * stride);
        values[5 * stride + before + columns - 1] = Number.POSITIVE_INFINITY;
      }
      const trial = new MatmulTrial(device, matmul, options, numbers);
      for (const pass of matmulPasses.filter((name) => name !== 'backwardWeight')) {
        for (const how of [{}, { add: true, scale: 0.5 }]) {
          const stride = pass === 'backwardInput' ? xStride : yStride;
          const whole = await trial.run(pass, { rows: 130, ...how });
          expect(await trial.run(pass, { rows: 130, ...how })).toEqual(whole);
          for (const rows of [1, 2, 7, 8, 9, 47, 48, 63, 64, 65, 129]) {
            const some = await trial.run(pass, { rows, ...how });
            expect(some.subarray(0, rows * stride)).toEqual(whole.subarray(0, rows * stride));
          }
        }
      }
      trial.destroy();
    });
  });

  test('every f16 of a packed scale is what it is, however small', async () => {
    const finite = Array.from({ length: 2 ** 16 }, (_, half) => half).filter(
      (half) => (half & 0x7c00) < 0x7c00,
    );
    const [output, input] = [finite.length, 32];
    const words = packedWords('q4_1', output * input);
    for (const [row, half] of finite.entries()) words[5 * row] = half | (finite[output - 1 - row] << 16);
    const trial = new MatmulTrial(
      device,
      (await chooseMatmul(device)).matmul,
      { input, output, format: 'q4_1' },
      { ...numbersFor(input, { input, output: 4, format: 'f32' }), ...ones(input, output), w: words },
    );
    const found = await trial.run('forward', { rows: input });
    trial.destroy();
    const w = unpack(words, 'q4_1');
    const stride = strides({ input, output })[1];
    const wrong = w.findIndex(
      (value, i) => found[(i % input) * stride + margins.yBefore + Math.floor(i / input)] !== value,
    );
    expect(wrong).toBe(-1);
  });

  afterAll(() => device.sweep());
});
