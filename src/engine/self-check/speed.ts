/** How fast an engine trains on this machine. */
import { sizeOf, tensorShapes } from '../config.ts';
import type { Tensors } from '../engine.ts';
import { gemma2Decoder } from '../families.ts';
import { checkAdamW, randomRows } from './cases.ts';
import type { EngineFactory } from './decoders.ts';

export interface Speed {
  /** Tokens that went through forward, backward and update in a second. */
  readonly tokensPerSecond: number;
  readonly parameters: number;
}

/**
 * The speed of training on a decoder of the demo's size. `now` is a monotonic clock in milliseconds; the best
 * of `rounds` counts, after one to warm up.
 */
export async function trainingSpeed(
  create: EngineFactory,
  { now, rounds }: { readonly now: () => number; readonly rounds: number },
): Promise<Speed> {
  const config = gemma2Decoder({
    ...{ vocabSize: 256, hiddenSize: 96, intermediateSize: 256, layers: 3 },
    ...{ heads: 4, keyValueHeads: 2, headSize: 24, maxPositions: 64, window: 512 },
  });
  // Any numbers will do, and these are made faster than random ones.
  const weights: Tensors = new Map();
  for (const [name, dims] of tensorShapes(config)) {
    weights.set(
      name,
      Float32Array.from({ length: sizeOf(dims) }, (_, i) => ((i * 7919) % 997) / 4985 - 0.1),
    );
  }
  const batch = randomRows(
    Array.from({ length: 8 }, () => 64),
    config.vocabSize,
  );
  const engine = await create(config, weights);
  try {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round <= rounds; round++) {
      const begun = now();
      await engine.forward(batch);
      await engine.backward(new Float32Array(batch.targets.length).fill(1 / batch.targets.length));
      await engine.update(checkAdamW);
      const took = now() - begun;
      if (round > 0) best = Math.min(best, took);
    }
    const parameters = [...weights.values()].reduce((sum, { length }) => sum + length, 0);
    return { tokensPerSecond: (1000 * batch.tokens.length) / best, parameters };
  } finally {
    await engine.close();
  }
}
