/** Matmuls by themselves, on numbers at hand: what checks, tests and measurements of a family share. */

import { Buffers, createUniform, Readback } from '../../../device/buffers.ts';
import type { Device } from '../../../device/device.ts';
import { gemma2Decoder } from '../../families.ts';
import { type Dispatch, encode, Kernels } from '../kernels.ts';
import type { MatmulMethod } from '../matmul-variants.ts';
import { type NumberFormat, toStored } from '../memory/number-format.ts';
import { shapeOf, shapeSource } from '../shape.ts';
import { Matmul } from './matmul.ts';

export const matmulPasses = ['forward', 'forwardFewRows', 'backwardInput', 'backwardWeight'] as const;
export type MatmulPass = (typeof matmulPasses)[number];

/** Columns of x and y are part of wider matrices: this many numbers before them, and after. */
export const margins = { xBefore: 4, xAfter: 8, yBefore: 8, yAfter: 4 } as const;

/** Row by row, with the margins; `rows` may be fewer than those of the numbers. */
export interface TrialNumbers {
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** (output, input), without margins, like dw; in words where the format is a packed one. */
  readonly w: Float32Array | Uint32Array;
  readonly dw: Float32Array;
}

export interface TrialOptions {
  readonly input: number;
  readonly output: number;
  readonly format: NumberFormat;
  /** For how many of its rows a weight's gradient has room in passing; all. */
  readonly gradientRows?: number;
}

export interface TrialRun {
  readonly rows: number;
  readonly add?: boolean;
  readonly scale?: number;
}

export class MatmulTrial {
  readonly #device: Device;
  readonly #options: TrialOptions;
  readonly #numbers: TrialNumbers;
  readonly #buffers: Buffers<'x' | 'y' | 'w' | 'dw' | 'rowScales' | 'across' | 'partials'>;
  /** As many as there could be. */
  readonly #rows: number;
  readonly #batch: GPUBuffer;
  readonly #kernels: Kernels;
  readonly #readback: Readback;

  constructor(device: Device, matmul: MatmulMethod, options: TrialOptions, numbers: TrialNumbers) {
    this.#device = device;
    this.#options = options;
    this.#numbers = numbers;
    this.#kernels = Kernels.of(device, prefix(device), matmul);
    const w = toStored(numbers.w, options.format);
    this.#rows = numbers.x.length / strides(options)[0];
    const slice = Math.min(options.gradientRows ?? options.output, options.output);
    const room = 4 * Math.ceil(slice / 64) * 64 * Math.max(this.#rows, options.input);
    this.#buffers = new Buffers(
      device,
      'matmul',
      new Map([
        ['x', numbers.x.byteLength],
        ['y', numbers.y.byteLength],
        ['w', w.byteLength],
        ['dw', numbers.dw.byteLength],
        // As many as there could be rows.
        ['rowScales', numbers.x.byteLength],
        ['across', room],
        ['partials', room],
      ]),
    );
    device.gpu.queue.writeBuffer(this.#buffers.get('w'), 0, w);
    this.#batch = createUniform(device, 'matmul.batch', 32);
    this.#readback = new Readback(device);
  }

  /** The result's whole matrix after the matmul, which begins with the numbers given. */
  async run(pass: MatmulPass, run: TrialRun): Promise<Float32Array> {
    const result = this.#buffers.get(resultOf(pass));
    const dispatch = this.prepare(pass, run);
    this.#device.submit((encoder) => encode(encoder, [dispatch], batchSizes(run.rows)));
    return new Float32Array(await this.#readback.read(result, { bytes: result.size }));
  }

  /** Puts the numbers in their places, and the matmul in a dispatch for a batch of that many tokens. */
  prepare(pass: MatmulPass, { rows, add = false, scale = 1 }: TrialRun): Dispatch {
    const { input, output, format } = this.#options;
    const { queue } = this.#device.gpu;
    queue.writeBuffer(this.#batch, 0, Uint32Array.of(rows, 0, 0, 0, 0));
    for (const name of ['x', 'y', 'dw'] as const) {
      queue.writeBuffer(this.#buffers.get(name), 0, Float32Array.from(this.#numbers[name]));
    }
    const [xStride, yStride] = strides(this.#options);
    const x = { of: this.#buffers.get('x'), stride: xStride, at: margins.xBefore };
    const y = { of: this.#buffers.get('y'), stride: yStride, at: margins.yBefore };
    const w = { of: { buffer: this.#buffers.get('w') }, format };
    const options = { input, output, over: 'tokens', add, scale } as const;
    const matmul = new Matmul(this.#kernels, this.#batch, {
      fewRows: pass === 'forwardFewRows',
      rowScales: this.#buffers.get('rowScales'),
      gradients: {
        across: this.#buffers.get('across'),
        partials: this.#buffers.get('partials'),
        rows: this.#rows,
      },
    });
    if (pass === 'backwardInput') return matmul.backwardInput({ dy: y, w, dx: x }, options);
    if (pass !== 'backwardWeight') return matmul.forward({ x, w, y }, options);
    return matmul.backwardWeight({ dy: y, x, dw: { buffer: this.#buffers.get('dw') } }, options);
  }

  destroy(): void {
    this.#buffers.destroy();
    this.#batch.destroy();
    this.#readback.destroy();
  }
}

/** Numbers from row to row of x and y. */
export function strides({ input, output }: Pick<TrialOptions, 'input' | 'output'>): [number, number] {
  return [margins.xBefore + input + margins.xAfter, margins.yBefore + output + margins.yAfter];
}

function resultOf(pass: MatmulPass): 'x' | 'y' | 'dw' {
  if (pass === 'backwardInput') return 'x';
  return pass === 'backwardWeight' ? 'dw' : 'y';
}

export function batchSizes(tokens: number) {
  return { tokens, targets: 0, segments: 0, chunks: 0, queryBlocks: 0, keyBlocks: 0 };
}

/** Matmuls take no size from the text before them; it brings the batch's sizes. */
function prefix(device: Device): string {
  const config = gemma2Decoder({
    ...{ vocabSize: 4, hiddenSize: 4, intermediateSize: 4, layers: 1, heads: 1, keyValueHeads: 1 },
    ...{ headSize: 4, maxPositions: 4, window: 4 },
  });
  return shapeSource(config, shapeOf(config, device.adapter.software));
}
