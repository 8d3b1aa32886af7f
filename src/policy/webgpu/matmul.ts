/** The three matrix products of a linear layer; the one place that chooses their kernels. */
import type { Binding } from '../../device/buffers.ts';
import { type Dispatch, float, type KernelCall, type Kernels } from './kernels.ts';
import type { NumberFormat } from './parameters.ts';

/** Columns of a matrix: `stride` numbers from row to row, the first at `at`; multiples of 4. */
export interface Columns {
  readonly of: GPUBuffer | Binding;
  readonly stride: number;
  readonly at: number;
}

/** A weight (output, input), row by row. */
export interface Weight {
  readonly of: Binding;
  readonly format: NumberFormat;
}

/** Sizes of the layer; multiples of 4. What the rows are; and what becomes of the product. */
export interface MatmulOptions {
  readonly input: number;
  readonly output: number;
  readonly over: 'tokens' | 'targets';
  /** Multiplies the product. */
  readonly scale?: number;
  /** Add to what is in the result, where the kernel would otherwise write. */
  readonly add?: boolean;
}

export class Matmul {
  readonly #kernels: Kernels;
  readonly #batch: GPUBuffer;

  constructor(kernels: Kernels, batch: GPUBuffer) {
    this.#kernels = kernels;
    this.#batch = batch;
  }

  /** y (M, output) = x (M, input) times w transposed. */
  forward({ x, w, y }: { x: Columns; w: Weight; y: Columns }, options: MatmulOptions): Dispatch {
    return this.#kernels.dispatch('matmul', {
      stored: w.format,
      call: callOf(x, y, options),
      bindings: [this.#batch, x.of, w.of, y.of],
      workgroups: tiles(options.output, 4, options),
    });
  }

  /** dx (M, input) = dy (M, output) times w. */
  backwardInput({ dy, w, dx }: { dy: Columns; w: Weight; dx: Columns }, options: MatmulOptions): Dispatch {
    return this.#kernels.dispatch('matmul-backward-input', {
      stored: w.format,
      call: callOf(dx, dy, options),
      bindings: [this.#batch, dy.of, w.of, dx.of],
      workgroups: tiles(options.input, 8, options),
    });
  }

  /** dw (output, input) += dy (M, output) transposed times x (M, input). */
  backwardWeight({ dy, x, dw }: { dy: Columns; x: Columns; dw: Binding }, options: MatmulOptions): Dispatch {
    const { input, output, over } = options;
    return this.#kernels.dispatch('matmul-backward-weight', {
      call: callOf(x, dy, options),
      bindings: [this.#batch, dy.of, x.of, dw],
      workgroups: (sizes) => (sizes[over] === 0 ? [0] : [Math.ceil(input / 32), Math.ceil(output / 64)]),
    });
  }
}

/** A whole matrix of this width. */
export function whole(of: GPUBuffer | Binding, width: number): Columns {
  return { of, stride: width, at: 0 };
}

/** The `Call` that the three kernels share: x is (M, input), y is (M, output), or their gradients. */
function callOf(x: Columns, y: Columns, { input, output, over, scale = 1, add }: MatmulOptions): number[] {
  return [
    ...[input / 4, output / 4, x.stride / 4, x.at / 4, y.stride / 4, y.at / 4],
    ...[Number(over === 'targets'), Number(add ?? false), float(scale)],
  ];
}

/** Workgroups of 8 x 8 tiles, each of `rows` rows and 4 columns. */
function tiles(columns: number, rows: number, { over }: MatmulOptions): KernelCall['workgroups'] {
  return (sizes) => [Math.ceil(columns / 32), Math.ceil(sizes[over] / (8 * rows))];
}
