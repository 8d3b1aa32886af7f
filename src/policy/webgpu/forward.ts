/**
 * The forward pass as a list of dispatches, from tokens to log-probabilities. Sampling and training run this
 * same list; they differ in where keys and values are kept. backward.ts mirrors it.
 */
import { isSliding } from '../config.ts';
import type { DecoderBuffers } from './decoder-buffers.ts';
import type { BatchSizes, Dispatch } from './kernels.ts';
import type { HeadTile } from './plan.ts';

/** Norms lie in one slab, four a layer and the last. */
export const norm = { input: 0, postAttention: 1, preFeedForward: 2, postFeedForward: 3 } as const;

/** Workgroups of 8 x 8 invocations over `columns` and the batch's tokens or targets. */
export function perElement(columns: number, rows: 'tokens' | 'targets' = 'tokens') {
  const x = Math.ceil(columns / 8);
  return (sizes: BatchSizes) => [x, Math.ceil(sizes[rows] / 8)] as const;
}

/** Workgroups of 64 invocations, one a token. */
export const perToken = (sizes: BatchSizes) => [Math.ceil(sizes.tokens / 64)] as const;

/** From tokens to the final normed stream, its target rows taken. Keys and values go where `buffers` says. */
export function bodyForward(b: DecoderBuffers): Dispatch[] {
  const { config, shape, plan, kernels, weights } = b;
  const { batch } = plan;
  const list: Dispatch[] = [];
  const call: typeof kernels.dispatch = (name, options) => {
    const dispatch = kernels.dispatch(name, options);
    list.push(dispatch);
    return dispatch;
  };
  const hidden = config.hiddenSize;
  const norms = weights('norms');

  call('embed', {
    bindings: [batch, plan.get('tokens'), weights('embed'), b.stream(0)],
    workgroups: perElement(hidden / 4),
  });
  call('rms-norm', {
    call: [norm.input],
    bindings: [batch, norms, b.stream(0), plan.get('normed', 0), plan.get('rstd0', 0)],
    workgroups: perToken,
  });
  for (let layer = 0; layer < config.layers; layer++) {
    const last = layer === config.layers - 1;
    const first = 4 * layer;

    list.push(
      b.matmul({ x: plan.get('normed', layer), w: `qkv.${layer}`, y: plan.get('qkv') }, [
        hidden,
        shape.qkvSize,
      ]),
    );
    call('rope', {
      bindings: [
        ...[batch, plan.get('positions'), plan.get('rows'), b.turns],
        ...[plan.get('qkv'), plan.get('queries', layer), b.keys(layer), b.values(layer)],
      ],
      workgroups: perElement(shape.qkvSize / 2),
    });
    call('attention', {
      call: [isSliding(layer) ? config.slidingWindow : 0],
      bindings: [
        ...[plan.get('queryBlocks'), plan.get('queries', layer), b.keys(layer), b.values(layer)],
        ...[plan.get('mixed', layer), plan.get('stats', layer)],
      ],
      workgroups: (sizes) => [sizes.queryBlocks, config.keyValueHeads],
    });
    list.push(
      b.matmul({ x: plan.get('mixed', layer), w: `o.${layer}`, y: plan.get('attended', layer) }, [
        shape.qSize,
        hidden,
      ]),
    );
    call('add-norm', {
      call: [first + norm.postAttention, first + norm.preFeedForward],
      bindings: [
        ...[batch, norms, b.stream(layer), plan.get('attended', layer), plan.get('middle', layer)],
        ...[plan.get('middleNormed', layer), plan.get('rstd1', layer), plan.get('rstd2', layer)],
      ],
      workgroups: perToken,
    });

    list.push(
      b.matmul({ x: plan.get('middleNormed', layer), w: `gateUp.${layer}`, y: plan.get('gateUp', layer) }, [
        hidden,
        2 * config.intermediateSize,
      ]),
    );
    call('gelu-gate', {
      bindings: [batch, plan.get('gateUp', layer), plan.get('inner', layer)],
      workgroups: perElement(config.intermediateSize / 4),
    });
    list.push(
      b.matmul({ x: plan.get('inner', layer), w: `down.${layer}`, y: plan.get('fed', layer) }, [
        config.intermediateSize,
        hidden,
      ]),
    );
    call('add-norm', {
      call: [first + norm.postFeedForward, first + 4],
      bindings: [
        ...[batch, norms, plan.get('middle', layer), plan.get('fed', layer), b.stream(layer + 1)],
        ...(last ? [plan.get('final')] : [plan.get('normed', layer + 1)]),
        plan.get('rstd3', layer),
        ...(last ? [plan.get('finalRstd')] : [plan.get('rstd0', layer + 1)]),
      ],
      workgroups: perToken,
    });
  }
  call('take-targets', {
    bindings: [batch, plan.get('targets'), plan.get('final'), plan.get('taken')],
    workgroups: perElement(hidden / 4, 'targets'),
  });
  return list;
}

/** The logits of one tile of the vocabulary, before the cap, for the targets. */
export function tileLogits(b: DecoderBuffers, tile: HeadTile): Dispatch {
  const { plan, config } = b;
  return b.matmul(
    { x: plan.get('taken'), w: 'head', y: plan.get('logits') },
    [config.hiddenSize, tile.stride],
    { over: 'targets', tile },
  );
}

/** From the taken rows to log-probabilities, tile by tile with a running maximum and sum. */
export function headForward(b: DecoderBuffers): Dispatch[] {
  const { plan, kernels } = b;
  return plan.tiles.flatMap((tile) => [
    tileLogits(b, tile),
    kernels.dispatch('log-prob', {
      call: [tile.first, tile.columns, tile.stride],
      bindings: [
        ...[plan.batch, plan.get('tokens'), plan.get('targets'), plan.get('logits')],
        ...[plan.get('running'), plan.get('logprobs')],
      ],
      workgroups: (sizes) => [Math.ceil(sizes.targets / 64)],
    }),
  ]);
}
