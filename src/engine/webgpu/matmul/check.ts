/** A family of matmul kernels tried on a device, against float64. */

import type { Device } from '../../../device/device.ts';
import { toBfloat16, toFloat32Values } from '../../number-formats.ts';
import { linear, linearBackward } from '../../reference/matmul.ts';
import type { MatmulMethod } from '../matmul-variants.ts';
import { type MatmulPass, MatmulTrial, margins, matmulPasses, strides, type TrialNumbers } from './trial.ts';

/** No multiples of a tile, deeper than one, with rows and columns beyond one. */
const sizes = { rows: 133, input: 148, output: 140 } as const;
/** For which the first rows must come out the same. */
const fewer = [1, 8, 65];

interface Tried {
  readonly format: 'bf16' | 'f32';
  readonly numbers: TrialNumbers;
  readonly exact: ReturnType<typeof exactly>;
  readonly read: (pass: MatmulPass, values: Float32Array) => void;
}

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
    const numbers = madeNumbers();
    const exact = exactly(numbers);
    for (const format of ['bf16', 'f32'] as const) {
      wrong ??= await tryOut(device, matmul, { format, numbers, exact, read });
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
  { format, numbers, exact, read }: Tried,
): Promise<string | null> {
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
      const off = errorOf(exact[pass], found, way);
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

/** A result without what was there before, in float64, row by row. */
interface Exact {
  /** Where it goes. */
  readonly to: Part;
  readonly sums: Float64Array;
  /** Sums of what terms are without their signs. */
  readonly absolute: Float64Array;
}

/** The results of the passes: made once, as all formats hold the same numbers. */
function exactly(numbers: TrialNumbers): Readonly<Record<MatmulPass, Exact>> {
  const { rows, input, output } = sizes;
  const [xStride, yStride] = strides(sizes);
  const x = { of: numbers.x, at: margins.xBefore, stride: xStride, rows, columns: input };
  const y = { of: numbers.y, at: margins.yBefore, stride: yStride, rows, columns: output };
  const w = { of: numbers.w, at: 0, stride: input, rows: output, columns: input };
  const [xs, ys, ws] = [x, y, w].map(wholeOf);
  const sums = linearLayer(xs, ys, ws);
  const absolute = linearLayer(...([xs, ys, ws].map((all) => all.map(Math.abs)) as Factors));
  const of = (pass: keyof typeof sums, to: Part) => ({ to, sums: sums[pass], absolute: absolute[pass] });
  const forward = of('forward', y);
  return {
    ...{ forward, forwardFewRows: forward, backwardInput: of('backwardInput', x) },
    backwardWeight: of('backwardWeight', { ...w, of: numbers.dw }),
  };
}

type Factors = [xs: Float64Array, ys: Float64Array, ws: Float64Array];

/** The three matmuls of a linear layer, of which `ys` are the gradients. */
function linearLayer(...[xs, ys, ws]: Factors) {
  const backwardWeight = new Float64Array(ws.length);
  const backwardInput = linearBackward(ys, xs, ws, backwardWeight, sizes.rows);
  return { forward: linear(xs, ws, sizes.rows), backwardInput, backwardWeight };
}

/** A matrix among other numbers. */
interface Part {
  readonly of: Float32Array | Uint32Array;
  readonly at: number;
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
}

/** The matrix by itself, row by row. */
function wholeOf({ of, at, stride, rows, columns }: Part): Float64Array {
  const whole = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const first = at + row * stride;
    whole.set(of.subarray(first, first + columns), row * columns);
  }
  return whole;
}

/** Largest error over the result's numbers, as a share of what their terms amount to; infinite where one is not finite. */
function errorOf({ to, sums, absolute }: Exact, found: Float32Array, { add, scale }: Way): number {
  let worst = 0;
  for (let i = 0; i < sums.length; i++) {
    const place = to.at + Math.floor(i / to.columns) * to.stride + (i % to.columns);
    const before = add ? to.of[place] : 0;
    const size = Math.abs(before) + scale * absolute[i];
    const share = Math.abs(found[place] - (before + scale * sums[i])) / size;
    // Also NaN.
    if (!(share <= worst)) worst = Number.isFinite(share) ? share : Number.POSITIVE_INFINITY;
  }
  return worst;
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
