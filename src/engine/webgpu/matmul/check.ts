/** A family of matmul kernels tried on a device, against plain loops in float64. */

import type { Device } from '../../../device/device.ts';
import { toBfloat16, toFloat32Values } from '../../number-formats.ts';
import type { MatmulMethod } from '../matmul-variants.ts';
import { type MatmulPass, MatmulTrial, margins, matmulPasses, strides, type TrialNumbers } from './trial.ts';

/** No multiples of a tile, deeper than one, with rows and columns beyond one. */
const sizes = { rows: 133, input: 148, output: 140 } as const;
/** For which the first rows must come out the same. */
const fewer = [1, 8, 65];

/** What becomes of a result. */
interface Way {
  readonly add: boolean;
  readonly scale: number;
}
const adding: Way = { add: true, scale: 0.5 };
const writing: Way = { add: false, scale: 1 };

/**
 * Largest error, as a share of what the terms of a sum amount to together. Measured ones are a hundredth of
 * the first.
 */
const tolerance = { f32: 1e-5, f16: 1e-3 } as const;

/**
 * What is wrong with a family on this device, in one line, or null: whether its kernels compile and run, come
 * within f32's (or f16's) rounding of float64, repeat to the bit, and give a row that does not depend on how
 * many there are. Throws `DeviceError` where the device does not outlive it.
 */
export async function checkMatmul(
  device: Device,
  matmul: MatmulMethod,
  read: (pass: MatmulPass, values: Float32Array) => void = () => {},
): Promise<string | null> {
  const { gpu } = device;
  const kinds = ['validation', 'internal', 'out-of-memory'] as const;
  for (const kind of kinds) gpu.pushErrorScope(kind);
  let wrong: string | null = null;
  try {
    for (const format of ['bf16', 'f32'] as const) {
      wrong ??= await tryOut(device, matmul, format, read);
    }
  } catch (error) {
    // Errors of the scopes say more.
    if (!(error instanceof Error)) throw error;
    wrong = error.message;
  }
  const errors = await Promise.all(kinds.map(() => gpu.popErrorScope()));
  const error = errors.find((found) => found !== null);
  device.check();
  return error ? `its kernels do not run: ${error.message.split('\n')[0]}` : wrong;
}

async function tryOut(
  device: Device,
  matmul: MatmulMethod,
  format: 'bf16' | 'f32',
  read: (pass: MatmulPass, values: Float32Array) => void,
): Promise<string | null> {
  const numbers = madeNumbers();
  // A weight's gradient in slices.
  const trial = new MatmulTrial(device, matmul, { ...sizes, format, gradientRows: 64 }, numbers);
  const allowed = tolerance[format === 'bf16' ? matmul.precision : 'f32'];
  try {
    // What neither adds nor scales may go another way; a weight's gradient always adds.
    const ways = (pass: MatmulPass) =>
      format === 'f32' && pass !== 'backwardWeight' ? [adding, writing] : [adding];
    for (const [pass, way] of matmulPasses.flatMap((pass) => ways(pass).map((way) => [pass, way] as const))) {
      const run = async (rows: number) => {
        const values = await trial.run(pass, { rows, ...way });
        read(pass, values);
        return values;
      };
      const what = `${pass} with ${format} weights`;
      const found = await run(sizes.rows);
      const off = errorOf(pass, numbers, found, way);
      if (off > allowed) {
        return `${what} is off by ${off.toExponential(1)} of its terms, which may be ${allowed}`;
      }
      if (!same(found, await run(sizes.rows))) return `${what} differs from itself when it is repeated`;
      if (pass === 'backwardWeight') continue;
      const stride = strides(sizes)[pass === 'backwardInput' ? 0 : 1];
      for (const rows of fewer) {
        const few = (await run(rows)).subarray(0, rows * stride);
        if (!same(few, found.subarray(0, rows * stride)))
          return `${what}: a row depends on how many there are`;
      }
    }
    return null;
  } finally {
    trial.destroy();
  }
}

/** Numbers of a matrix: the first, and how far it is to the next. */
interface Line {
  readonly of: Float32Array | Uint32Array;
  readonly at: number;
  readonly step: number;
}

interface Sum extends Way {
  readonly depth: number;
}

/** Largest error over the result's numbers; infinite where one is not finite. */
function errorOf(pass: MatmulPass, numbers: TrialNumbers, found: Float32Array, { add, scale }: Way): number {
  const { rows, input, output } = sizes;
  const [xStride, yStride] = strides(sizes);
  const x = (m: number, k: number, step: number): Line => ({
    ...{ of: numbers.x, at: m * xStride + margins.xBefore + k, step },
  });
  const y = (m: number, n: number, step: number): Line => ({
    ...{ of: numbers.y, at: m * yStride + margins.yBefore + n, step },
  });
  const w = (n: number, k: number, step: number): Line => ({ of: numbers.w, at: n * input + k, step });
  let worst = 0;
  const overAll = (height: number, width: number, error: (row: number, column: number) => number) => {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) worst = Math.max(worst, error(row, column));
    }
  };
  if (pass === 'backwardWeight') {
    const dw = (n: number, k: number): Line => ({ of: numbers.dw, at: n * input + k, step: 0 });
    const how = { depth: rows, scale, add };
    overAll(output, input, (n, k) => error(found, dw(n, k), [y(0, n, yStride), x(0, k, xStride)], how));
  } else if (pass === 'backwardInput') {
    const how = { depth: output, scale, add };
    overAll(rows, input, (m, k) => error(found, x(m, k, 0), [y(m, 0, 1), w(0, k, input)], how));
  } else {
    const how = { depth: input, scale, add };
    overAll(rows, output, (m, n) => error(found, y(m, n, 0), [x(m, 0, 1), w(n, 0, 1)], how));
  }
  return worst;
}

/**
 * Of the number at `place`: how far it is from what was there, or from 0, and the scaled dot product of two lines, over
 * the size of its terms.
 */
function error(found: Float32Array, place: Line, [a, b]: readonly [Line, Line], how: Sum): number {
  const { depth, add, scale } = how;
  let sum = add ? place.of[place.at] : 0;
  let size = Math.abs(sum);
  for (let i = 0; i < depth; i++) {
    const term = scale * a.of[a.at + i * a.step] * b.of[b.at + i * b.step];
    sum += term;
    size += term < 0 ? -term : term;
  }
  const off = Math.abs(found[place.at] - sum) / size;
  return Number.isFinite(off) ? off : Number.POSITIVE_INFINITY;
}

/**
 * Of different sizes from row to row, as gradients are, and NaN after the last row: nothing may read that.
 */
function madeNumbers(): TrialNumbers {
  const [xStride, yStride] = strides(sizes);
  const room = Math.ceil(sizes.rows / 64) * 64;
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const matrix = (height: number, width: number, whole = height) =>
    Float32Array.from({ length: whole * width }, (_, i) => {
      const row = Math.floor(i / width);
      return row < height ? draw() * 4 ** (row % 5) : Number.NaN;
    });
  const w = matrix(sizes.output, sizes.input);
  return {
    x: matrix(sizes.rows, xStride, room),
    y: matrix(sizes.rows, yStride, room),
    w: toFloat32Values(new Uint8Array(toBfloat16(w).buffer), 'BF16'),
    dw: matrix(sizes.output, sizes.input),
  };
}

function same(a: Float32Array, b: Float32Array): boolean {
  const bytes = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return bytes(a).equals(bytes(b));
}
