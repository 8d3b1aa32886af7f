/**
 * The forward pass as a list of dispatches, from tokens to log-probabilities. Sampling and training run this
 * same list; they differ in where keys and values are kept. backward.ts mirrors it.
 */
import type { Dispatch } from './kernels.ts';
import type { ForwardOperations } from './operations.ts';

/** All norms lie in one slab, four a layer and the last: these, plus four times the layer. */
export const norm = { input: 0, postAttention: 1, preFeedForward: 2, postFeedForward: 3 } as const;

/** Of each layer, (rows, kvSize): the batch's own rows in training, the cache's in sampling. */
export interface KeysAndValues {
  /** Rows of each slot of a cache; 0: these are the batch's own rows. */
  readonly ring: number;
  readonly keys: GPUBuffer;
  readonly values: GPUBuffer;
}

/** From tokens to the rows of the last normed stream that predict targets: `taken`. */
export function bodyForward(to: ForwardOperations, cache: readonly KeysAndValues[]): Dispatch[] {
  const { plan, config } = to;
  const { layers } = config;
  const list: Dispatch[] = [
    to.embed({ x: plan.stream(0) }),
    to.rmsNorm(norm.input, { x: plan.stream(0), y: plan.normed(0), rstd: plan.normedRstd(0) }),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const own = (name: string) => plan.get(name, layer);
    const first = 4 * layer;
    list.push(
      to.linear(`qkv.${layer}`, { x: plan.normed(layer), y: plan.get('qkv') }),
      to.rope(cache[layer].ring, { qkv: plan.get('qkv'), queries: own('queries'), ...cache[layer] }),
      to.attention(layer, cache[layer].ring, {
        ...cache[layer],
        queries: own('queries'),
        mixed: own('mixed'),
        stats: own('stats'),
      }),
      to.linear(`o.${layer}`, { x: own('mixed'), y: own('attended') }),
      to.addNorm(
        { branch: first + norm.postAttention, next: first + norm.preFeedForward },
        {
          x: plan.stream(layer),
          branch: own('attended'),
          total: own('middle'),
          y: own('middleNormed'),
          branchRstd: own('attendedRstd'),
          nextRstd: own('middleRstd'),
        },
      ),
      to.linear(`gateUp.${layer}`, { x: own('middleNormed'), y: own('gateUp') }),
      to.geluGate({ gateUp: own('gateUp'), inner: own('inner') }),
      to.linear(`down.${layer}`, { x: own('inner'), y: own('fed') }),
      to.addNorm(
        { branch: first + norm.postFeedForward, next: first + 4 },
        {
          x: own('middle'),
          branch: own('fed'),
          total: plan.stream(layer + 1),
          y: plan.normed(layer + 1),
          branchRstd: own('fedRstd'),
          nextRstd: plan.normedRstd(layer + 1),
        },
      ),
    );
  }
  list.push(to.takeTargets({ x: plan.normed(layers), taken: plan.get('taken') }));
  return list;
}

/** From the taken rows to log-probabilities, tile by tile of the vocabulary, with a running maximum and sum. */
export function headForward(to: ForwardOperations): Dispatch[] {
  return to.plan.tiles.flatMap((tile) => [to.headLogits(tile), to.logProb(tile)]);
}
