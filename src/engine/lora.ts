/**
 * LoRA's tensors: their names, as PEFT writes them, their shapes, and their first values.
 */

import { seedFor, uniform } from '../random.ts';
import {
  type DecoderConfig,
  PROJECTIONS,
  projectionName,
  projectionShape,
  type TensorShapes,
} from './config.ts';
import type { LoraShape, Tensors } from './engine.ts';

/** PEFT's name of an adapter's matrix: A is (rank, in), B is (out, rank). */
export function adapterName(
  layer: number,
  projection: (typeof PROJECTIONS)[number],
  matrix: 'A' | 'B',
): string {
  return `base_model.model.${projectionName(layer, projection)}.lora_${matrix}.weight`;
}

/** Every tensor of the adapters, in the order of the forward pass. */
export function adapterShapes(config: DecoderConfig, { rank, targets }: LoraShape): TensorShapes {
  const shapes = new Map<string, readonly number[]>();
  for (let layer = 0; layer < config.layers; layer++) {
    for (const projection of PROJECTIONS) {
      if (!targets.includes(projection)) continue;
      const [output, input] = projectionShape(config, projection);
      shapes.set(adapterName(layer, projection, 'A'), [rank, input]);
      shapes.set(adapterName(layer, projection, 'B'), [output, rank]);
    }
  }
  return shapes;
}

/**
 * Fresh adapters: A uniform within 1 / sqrt(inputs), as PEFT's default has it, from the seed and its name; B
 * zero, so that they change nothing.
 */
export function initialAdapters(config: DecoderConfig, lora: LoraShape, seed: number): Tensors {
  const adapters: Tensors = new Map();
  for (const [name, shape] of adapterShapes(config, lora)) {
    const values = new Float32Array(shape[0] * shape[1]);
    if (name.endsWith('lora_A.weight')) {
      const key = seedFor(seed, `adapters/${name}`);
      const bound = 1 / Math.sqrt(shape[1]);
      for (let i = 0; i < values.length; i++) values[i] = bound * (2 * uniform(key, i) - 1);
    }
    adapters.set(name, values);
  }
  return adapters;
}
