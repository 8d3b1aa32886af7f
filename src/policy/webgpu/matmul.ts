/** The three matrix products of a linear layer; the one place that chooses their kernels. */
import type { Binding } from '../../device/buffers.ts';
import type { Dispatch, KernelCall, Kernels } from './kernels.ts';

/** Input and output size of the layer; multiples of 4. */
export type LayerSizes = readonly [input: number, output: number];

export interface MatmulOptions {
  /** What the rows are. */
  readonly over: 'tokens' | 'targets';
  /** Add to what is in the result, where the kernel would otherwise write. */
  readonly add?: boolean;
}

type Bound = GPUBuffer | Binding;

export class Matmul {
  readonly #kernels: Kernels;
  readonly #batch: GPUBuffer;

  constructor(kernels: Kernels, batch: GPUBuffer) {
    this.#kernels = kernels;
    this.#batch = batch;
  }

  /** y (M, out) = x (M, in) times w (out, in) transposed. */
  forward(
    b: { x: Bound; w: Bound; y: Bound },
    [input, output]: LayerSizes,
    options: MatmulOptions,
  ): Dispatch {
    return this.#kernels.dispatch('matmul', {
      call: [input / 4, output / 4, Number(options.over === 'targets')],
      bindings: [this.#batch, b.x, b.w, b.y],
      workgroups: tiles(output, 4, options),
    });
  }

  /** dx (M, in) = dy (M, out) times w (out, in). */
  backwardInput(
    b: { dy: Bound; w: Bound; dx: Bound },
    [input, output]: LayerSizes,
    options: MatmulOptions,
  ): Dispatch {
    return this.#kernels.dispatch('matmul-backward-input', {
      call: [input / 4, output / 4, Number(options.over === 'targets'), Number(options.add ?? false)],
      bindings: [this.#batch, b.dy, b.w, b.dx],
      workgroups: tiles(input, 8, options),
    });
  }

  /** dw (out, in) += dy (M, out) transposed times x (M, in). */
  backwardWeight(
    b: { dy: Bound; x: Bound; dw: Bound },
    [input, output]: LayerSizes,
    options: MatmulOptions,
  ): Dispatch {
    return this.#kernels.dispatch('matmul-backward-weight', {
      call: [input / 4, output / 4, Number(options.over === 'targets')],
      bindings: [this.#batch, b.dy, b.x, b.dw],
      workgroups: (sizes) =>
        sizes[options.over] === 0 ? [0] : [Math.ceil(input / 32), Math.ceil(output / 64)],
    });
  }
}

/** Workgroups of 8 x 8 tiles, each of `rows` rows and 4 columns. */
function tiles(columns: number, rows: number, { over }: MatmulOptions): KernelCall['workgroups'] {
  return (sizes) => [Math.ceil(columns / 32), Math.ceil(sizes[over] / (8 * rows))];
}
