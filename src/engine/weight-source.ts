/** Weights in memory as a source, so that engines take both. */
import type { Tensors, WeightSource } from './engine.ts';

/** A source of these tensors; a source stays as it is. */
export function sourceOf(weights: Tensors | WeightSource): WeightSource {
  if (!(weights instanceof Map)) return weights;
  return {
    read: async (name, visit) => {
      const values = weights.get(name);
      if (values) visit(values, 0);
    },
  };
}
