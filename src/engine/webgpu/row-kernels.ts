/** Kernels that sum along a row: norms, logprobs, draws, and the gradient's norm. */
import { inTwoDimensions, type KernelCall, type Kernels } from './kernels.ts';
import type { BatchSizes } from './memory/batch.ts';

export type RowKernel =
  | 'rms-norm'
  | 'rms-norm-backward'
  | 'add-norm'
  | 'add-norm-backward'
  | 'logprob'
  | 'draw'
  | 'square-sums'
  | 'gradient-norm';

/** Of kernels/row-in-lane.wgsl: rows of a workgroup. Draws are long, and of few rows, which several cores share. */
const rowsOfLanes = (name: RowKernel) => (name === 'draw' ? 8 : 64);

/**
 * How a row kernel runs. A software adapter's invocations read memory one after the other whatever they read:
 * there each has a row. On GPUs, which the matmuls' family tells, a workgroup has one: in decoding rows are few
 * and long, and an invocation alone would wait for memory thousands of times.
 */
export function overRows(
  name: RowKernel,
  { matmul: { family } }: Pick<Kernels, 'matmul'>,
  rows: (sizes: BatchSizes) => number,
): Required<Pick<KernelCall, 'variant' | 'workgroups'>> {
  const perGroup = family === 'workgroup' || family === 'matrix';
  const lanes = rowsOfLanes(name);
  return {
    variant: perGroup
      ? { files: ['row-in-workgroup', name], before: '' }
      : { files: ['row-in-lane', name], before: `const ROWS_OF_LANES = ${lanes};` },
    workgroups: (sizes) => {
      const count = rows(sizes);
      return perGroup ? inTwoDimensions(count) : [Math.ceil(count / lanes)];
    },
  };
}
