/**
 * The forward pass as a list of dispatches, from tokens to logprobs, or to tokens drawn. Sampling and training run
 * the same body; they differ in where keys and values are kept. backward.ts mirrors it.
 */
import type { Dispatch } from '../kernels.ts';
import type { Shape } from '../shape.ts';
import type { ForwardOperations } from './operations.ts';

/** Of each layer, (rows, kvSize): the batch's own rows in training, the cache's in sampling. */
export interface KeysAndValues {
  /** Rows of each slot of a cache; 0: these are the batch's own rows. */
  readonly ring: number;
  readonly keys: GPUBuffer;
  readonly values: GPUBuffer;
}

/**
 * All norms lie in one slab, layer by layer, and the last at the end. `next` norms the stream for the next
 * layer. Where branches are not normed before they join the stream, `afterAttention` and `afterFeedForward`
 * are not read.
 */
export function normsOf({ layerNorms }: Shape, layer: number) {
  const attention = layerNorms * layer;
  const next = attention + layerNorms;
  return layerNorms === 4
    ? {
        attention,
        afterAttention: attention + 1,
        feedForward: attention + 2,
        afterFeedForward: attention + 3,
        next,
      }
    : { attention, afterAttention: 0, feedForward: attention + 1, afterFeedForward: 0, next };
}

/** From tokens to the last normed stream. */
export function bodyForward(to: ForwardOperations, cache: readonly KeysAndValues[]): Dispatch[] {
  const { plan } = to;
  return [
    ...to.embed({ x: plan.stream(0) }),
    inputNorm(to, 0),
    ...cache.flatMap((kept, layer) => layerForward(to, layer, kept)),
  ];
}

/** The stream before a layer, normed for it. The layer before does the same in passing. */
export function inputNorm(to: ForwardOperations, layer: number): Dispatch {
  const { plan } = to;
  const { attention } = normsOf(to.shape, layer);
  return to.rmsNorm(attention, {
    x: plan.stream(layer),
    y: plan.normed(layer),
    rstd: plan.normedRstd(layer),
  });
}

/** From the stream before a layer to the stream after it. */
export function layerForward(to: ForwardOperations, layer: number, kept: KeysAndValues): Dispatch[] {
  const { plan } = to;
  const own = (name: string) => plan.get(name, layer);
  const norms = normsOf(to.shape, layer);
  const projected = to.config.queryKeyNorms ? own('qkvNormed') : own('qkv');
  return [
    ...to.linear('qkv', layer, { x: plan.normed(layer), y: own('qkv') }),
    ...(to.config.queryKeyNorms
      ? [to.headNorm(layer, { qkv: own('qkv'), y: projected, rstd: own('headRstd') })]
      : []),
    to.rope(layer, kept.ring, { qkv: projected, queries: own('queries'), ...kept }),
    to.attention(layer, kept.ring, {
      ...kept,
      queries: own('queries'),
      mixed: own('mixed'),
      stats: own('stats'),
    }),
    ...to.linear('o', layer, { x: own('mixed'), y: own('attended') }),
    to.addNorm(
      { branch: norms.afterAttention, next: norms.feedForward },
      {
        x: plan.stream(layer),
        branch: own('attended'),
        total: own('middle'),
        y: own('middleNormed'),
        branchRstd: own('attendedRstd'),
        nextRstd: own('middleRstd'),
      },
    ),
    ...to.linear('gateUp', layer, { x: own('middleNormed'), y: own('gateUp') }),
    to.gate({ gateUp: own('gateUp'), inner: own('inner') }),
    ...to.linear('down', layer, { x: own('inner'), y: own('fed') }),
    to.addNorm(
      { branch: norms.afterFeedForward, next: norms.next },
      {
        x: own('middle'),
        branch: own('fed'),
        total: plan.stream(layer + 1),
        y: plan.normed(layer + 1),
        branchRstd: own('fedRstd'),
        nextRstd: plan.normedRstd(layer + 1),
      },
    ),
  ];
}

/**
 * From the last normed stream to logprobs, tile by tile of the vocabulary, with a running maximum and sum.
 */
export function headForward(to: ForwardOperations): Dispatch[] {
  return [takenRows(to), ...to.plan.tiles.flatMap((tile) => [to.headLogits(tile), to.logprob(tile)])];
}

/** From the last normed stream to the tokens that are drawn. */
export function headSampling(to: ForwardOperations): Dispatch[] {
  const get = (name: string) => to.plan.get(name);
  const [logits, masses] = [get('logits'), get('spanMasses')];
  return [
    takenRows(to),
    ...to.plan.tiles.map((tile) => to.headLogits(tile)),
    to.spanMasses({ logits, masses }),
    to.draw({ logits, masses, wanted: get('wanted'), drawn: get('drawn') }),
  ];
}

/** The rows of the last normed stream that predict targets: `taken`. */
function takenRows(to: ForwardOperations): Dispatch {
  const { plan, config } = to;
  return to.takeTargets({ x: plan.normed(config.layers), taken: plan.get('taken') });
}
