/** A name for weights: equal hash, equal policy to the bit. */
import { createHash } from 'node:crypto';
import type { TensorShapes } from '../engine/config.ts';
import type { Engine, Tensors, WeightSource } from '../engine/engine.ts';

/**
 * SHA-256, hexadecimal, over each tensor in the order of names: the name, a zero byte, the shape (`96,384`),
 * a zero byte, the numbers as little-endian f32.
 */
export function hashWeights(weights: Tensors, shapes: TensorShapes): string {
  const hash = createHash('sha256');
  for (const name of [...weights.keys()].sort()) {
    const values = weights.get(name) ?? new Float32Array();
    hash.update(`${name}\0${(shapes.get(name) ?? [values.length]).join()}\0`, 'utf8');
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

/** The same of what an engine trains, as it is now. */
export async function hashEngine(engine: Pick<Engine, 'trainable' | 'weights'>): Promise<string> {
  return hashWeights(await engine.weights(), engine.trainable);
}

/** The same, of weights that need not fit into memory: a second or two per GB of f32. */
export async function hashSource(source: WeightSource, shapes: TensorShapes): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, shape] of [...shapes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0${shape.join()}\0`, 'utf8');
    await source.read(name, (slice) => {
      hash.update(new Uint8Array(slice.buffer, slice.byteOffset, slice.byteLength));
    });
  }
  return hash.digest('hex');
}
