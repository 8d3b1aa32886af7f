/** Named tensors in float64. */

import { ConfigError } from '../../errors.ts';
import type { DecoderConfig, TensorShapes } from '../config.ts';
import { checkTensors, sizeOf } from '../config.ts';
import type { LoraShape, Tensors, WeightSource } from '../engine.ts';
import { toBytes, toFloat32Values } from '../number-formats.ts';

/**
 * Tensors by their Hugging Face names, in float64. A decoder's and its adapters' names differ, so one map
 * holds both.
 */
export type Weights = ReadonlyMap<string, Float64Array>;

/** A decoder, and the adapters that are applied in it. */
export type AdaptedDecoder = DecoderConfig & { readonly lora?: LoraShape | null };

/** The named tensor; a missing one is a defect, for names are checked when weights are set. */
export function tensor(weights: Weights, name: string): Float64Array {
  const found = weights.get(name);
  if (!found) throw new Error(`no tensor ${name}`);
  return found;
}

export function zeros(shapes: TensorShapes): Weights {
  return new Map([...shapes].map(([name, shape]) => [name, new Float64Array(sizeOf(shape))]));
}

export function toFloat32(tensors: Weights): Tensors {
  return new Map([...tensors].map(([name, values]) => [name, Float32Array.from(values)]));
}

export function toFloat64(tensors: Tensors): Weights {
  return new Map([...tensors].map(([name, values]) => [name, Float64Array.from(values)]));
}

/**
 * Reads every tensor of these shapes. Throws `ConfigError` where tensors are missing, of another size, or not
 * of the decoder.
 */
export async function readAll(source: Tensors | WeightSource, shapes: TensorShapes): Promise<Weights> {
  if (source instanceof Map) {
    checkTensors(source, shapes, 'weights');
    return toFloat64(source);
  }
  const weights = new Map<string, Float64Array>();
  const found = new Map<string, { readonly length: number }>();
  for (const [name, shape] of shapes) {
    const values = new Float64Array(sizeOf(shape));
    let length = 0;
    await source.read(name, (slice, at) => {
      if (at !== length) {
        throw new ConfigError(`weights: expected ${name} in order, at number ${length}, found number ${at}`);
      }
      length += slice.length;
      if (length <= values.length) values.set(slice, at);
    });
    if (length > 0) found.set(name, { length });
    weights.set(name, values);
  }
  checkTensors(found, shapes, 'weights');
  return weights;
}

/** Matrices rounded to the nearest bf16, as engines on a device keep frozen ones; vectors stay. */
export function roundMatricesToBf16(weights: Weights, shapes: TensorShapes): Weights {
  const round = (values: Float64Array) =>
    Float64Array.from(toFloat32Values(toBytes(Float32Array.from(values), 'BF16'), 'BF16'));
  return new Map(
    [...weights].map(([name, values]) => [name, shapes.get(name)?.length === 2 ? round(values) : values]),
  );
}
