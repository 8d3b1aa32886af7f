/** How far apart two runs' weights are, tensor by tensor: norms, and singular values of the difference. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { SafetensorsFile } from '../checkpoint/safetensors.ts';
import { lastCheckpoint } from '../train/last-checkpoint.ts';

export interface WeightsBounds {
  /** Singular values that are told, the largest. */
  readonly singular: number;
  /** Numbers of the largest matrix whose singular values are computed. */
  readonly largest: number;
}

interface TensorDiff {
  readonly name: string;
  readonly shape: readonly number[];
  /** Frobenius norms: of the first, and of the difference. */
  readonly norm: number;
  readonly change: number;
  /** The largest singular values of the difference; null of vectors, and where the tensor is too large. */
  readonly singular: readonly number[] | null;
}

export interface WeightsDiff {
  /** The files that were compared. */
  readonly a: string;
  readonly b: string;
  readonly tensors: readonly TensorDiff[];
  /** Tensors that only one has, or with another shape there. */
  readonly unlike: readonly string[];
}

/** Of the last checkpoint of each run's folder; null where one of them has none. */
export async function weightsDiff(a: string, b: string, bounds: WeightsBounds): Promise<WeightsDiff | null> {
  const [left, right] = [lastWeights(a), lastWeights(b)];
  if (left === null || right === null) return null;
  const files = [await SafetensorsFile.open(left)];
  try {
    files.push(await SafetensorsFile.open(right));
    const [one, other] = files as [SafetensorsFile, SafetensorsFile];
    const tensors: TensorDiff[] = [];
    const unlike = [...other.tensors.keys()].filter((name) => !one.tensors.has(name));
    for (const [name, { shape }] of one.tensors) {
      if (String(other.tensors.get(name)?.shape) !== String(shape)) unlike.push(name);
      else tensors.push(await tensorDiff(name, shape, { one, other, bounds }));
    }
    return { a: left, b: right, tensors, unlike };
  } finally {
    for (const file of files) await file.close();
  }
}

interface Both {
  readonly one: SafetensorsFile;
  readonly other: SafetensorsFile;
  readonly bounds: WeightsBounds;
}

async function tensorDiff(
  name: string,
  shape: readonly number[],
  { one, other, bounds }: Both,
): Promise<TensorDiff> {
  const [left, right] = [await numbersOf(one, name), await numbersOf(other, name)];
  const difference = Float64Array.from(left, (value, i) => (right[i] ?? 0) - value);
  const [rows = 1, columns = 1] = shape;
  const isSmall = shape.length === 2 && difference.length <= bounds.largest;
  return {
    ...{ name, shape, norm: normOf(left), change: normOf(difference) },
    singular: isSmall ? singularValues(difference, rows, columns).slice(0, bounds.singular) : null,
  };
}

async function numbersOf(file: SafetensorsFile, name: string): Promise<Float32Array> {
  const shape = file.tensors.get(name)?.shape ?? [];
  const all = new Float32Array(shape.reduce((size, length) => size * length, 1));
  await file.readSlices(name, (slice, at) => all.set(slice, at));
  return all;
}

function normOf(numbers: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += (numbers[i] as number) ** 2;
  return Math.sqrt(sum);
}

function singularValues(numbers: Float64Array, rows: number, columns: number): number[] {
  const matrix = Matrix.from1DArray(rows, columns, numbers);
  const { diagonal } = new SingularValueDecomposition(matrix, {
    computeLeftSingularVectors: false,
    computeRightSingularVectors: false,
    autoTranspose: true,
  });
  return [...diagonal].sort((x, y) => y - x);
}

/** The weights in the checkpoint with the largest step. */
function lastWeights(run: string): string | null {
  const last = lastCheckpoint(run);
  const names = last === null ? [] : ['model.safetensors', 'adapter_model.safetensors'];
  return names.map((name) => join(last?.path ?? '', name)).find((path) => existsSync(path)) ?? null;
}
