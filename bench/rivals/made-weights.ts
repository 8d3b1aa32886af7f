/**
 * Random weights of any size that two programs make alike, without a file of them: every tensor is a stretch
 * of one table of random numbers, over and over, times a power of two. The table is of bf16 numbers, so that
 * both formats hold them exactly.
 */
import { type DecoderConfig, sizeOf, type TensorShapes, tensorShapes } from '../../src/engine/config.ts';
import type { Tensors, WeightSource } from '../../src/engine/engine.ts';
import { normal, seedFor } from '../../src/random.ts';

/** A prime, so that no two rows of a matrix are alike. */
const TABLE = 1_048_573;
/** Numbers handed over at once. */
const SLICE = 1 << 20;

/** A tensor's place in the table, and its mean and standard deviation. */
export type Made = readonly [offset: number, mean: number, deviation: number];

export function madeTable(): Float32Array<ArrayBuffer> {
  const table = new Float32Array(TABLE);
  const bits = new Uint32Array(table.buffer);
  for (let i = 0; i < TABLE; i++) {
    table[i] = normal(1n, i);
    bits[i] &= 0xffff0000;
  }
  return table;
}

/**
 * How each tensor of the decoder is made: what passes through it keeps its size; norms multiply by about 1.
 */
export function madeDecoder(config: DecoderConfig): Record<string, Made> {
  return madeOf(tensorShapes(config), (name, shape) =>
    name.includes('norm')
      ? [1 - config.normOffset, 2 ** -5]
      : [0, powerOfTwo(1 / Math.sqrt(shape.at(-1) ?? 1))],
  );
}

/** Adapters that change nothing yet: B is zero. */
export function madeAdapters(shapes: TensorShapes): Record<string, Made> {
  return madeOf(shapes, (name, [, input]) => [
    0,
    name.includes('lora_A') ? powerOfTwo(1 / Math.sqrt(3 * input)) : 0,
  ]);
}

/** The tensors of `made`, slice by slice. */
export function madeSource(
  table: Float32Array,
  made: Readonly<Record<string, Made>>,
  shapes: TensorShapes,
): WeightSource {
  return {
    read: async (name, visit) => {
      const shape = shapes.get(name);
      if (!shape) return;
      const size = sizeOf(shape);
      for (let at = 0; at < size; at += SLICE)
        visit(valuesOf(table, made[name], at, Math.min(SLICE, size - at)), at);
    },
  };
}

export function madeTensors(
  table: Float32Array,
  made: Readonly<Record<string, Made>>,
  shapes: TensorShapes,
): Tensors {
  return new Map([...shapes].map(([name, shape]) => [name, valuesOf(table, made[name], 0, sizeOf(shape))]));
}

function valuesOf(
  table: Float32Array,
  [offset, mean, deviation]: Made,
  from: number,
  count: number,
): Float32Array {
  const values = new Float32Array(count);
  let at = (offset + from) % TABLE;
  for (let i = 0; i < count; i++) {
    values[i] = mean + deviation * table[at];
    at = at + 1 === TABLE ? 0 : at + 1;
  }
  return values;
}

function madeOf(
  shapes: TensorShapes,
  spread: (name: string, shape: readonly number[]) => readonly [mean: number, deviation: number],
): Record<string, Made> {
  return Object.fromEntries(
    [...shapes].map(([name, shape]) => {
      const offset = Number(seedFor(1, name) % BigInt(TABLE));
      return [name, [offset, ...spread(name, shape)]];
    }),
  );
}

function powerOfTwo(about: number): number {
  return 2 ** Math.round(Math.log2(about));
}
