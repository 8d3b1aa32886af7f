/** The policy that training began with, which the KL penalty holds on to. */

import { hashEngine, hashWeights } from '../checkpoint/weights-hash.ts';
import type { Engine, PackedRows, Tensors } from '../engine/engine.ts';

export interface InitialPolicy {
  /** (M) logprobs of the targets, as `Engine.forward`. */
  forward(rows: PackedRows): Promise<Float32Array>;
  /** Of its trainable tensors. */
  hash(): Promise<string>;
}

/** A second engine that has the initial weights. */
export function initialEngine(engine: Engine): InitialPolicy {
  return { forward: (rows) => engine.forward(rows), hash: () => hashEngine(engine) };
}

/**
 * Adapters, on the engine that trains them: they take the place of its own for one forward pass, so that the
 * frozen weights are there once. Fresh ones change nothing, and are left out altogether.
 */
export function initialAdapterPolicy(
  engine: Engine,
  adapters: Tensors,
  options: { readonly fresh: boolean },
): InitialPolicy {
  const hash = async () => hashWeights(adapters, engine.trainable);
  if (options.fresh) return { forward: (rows) => engine.forwardBase(rows), hash };
  return {
    forward: async (rows) => {
      const trained = await engine.weights();
      await engine.setWeights(adapters);
      try {
        return await engine.forward(rows);
      } finally {
        await engine.setWeights(trained);
      }
    },
    hash,
  };
}
