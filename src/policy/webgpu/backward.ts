/** The backward pass as a list of dispatches, from log-probabilities to the embedding: forward.ts from its end. */
import { isSliding } from '../config.ts';
import type { TrainingBuffers } from './decoder-buffers.ts';
import { norm, perElement, perToken, tileLogits } from './forward.ts';
import type { Dispatch } from './kernels.ts';

/** Adds to the gradient of every weight. Reads what the forward pass kept; the stream's gradient is zero before. */
export function decoderBackward(b: TrainingBuffers): Dispatch[] {
  const { config, shape, plan, kernels, weights, gradients } = b;
  const { batch } = plan;
  const list: Dispatch[] = [];
  const call: typeof kernels.dispatch = (name, options) => {
    const dispatch = kernels.dispatch(name, options);
    list.push(dispatch);
    return dispatch;
  };
  const hidden = config.hiddenSize;
  const norms = weights('norms');
  const dstream = plan.get('dstream');
  const dnormed = plan.get('dnormed');
  const dbranch = plan.get('dbranch');
  const normWeight = (index: number, dy: GPUBuffer, x: GPUBuffer, rstd: GPUBuffer) =>
    call('norm-weight-gradient', {
      call: [index],
      bindings: [batch, dy, x, rstd, plan.get('normPartials')],
      workgroups: (sizes) => [Math.ceil(hidden / 64), sizes.chunks],
    });

  for (const [n, tile] of plan.tiles.entries()) {
    // With a single tile the forward pass has left its logits; several were written over one another.
    if (plan.tiles.length > 1) list.push(tileLogits(b, tile));
    call('log-prob-backward', {
      call: [tile.first, tile.columns, tile.stride],
      bindings: [
        ...[batch, plan.get('tokens'), plan.get('targets'), plan.get('weights')],
        ...[plan.get('running'), plan.get('logits')],
      ],
      workgroups: perElement(tile.stride, 'targets'),
    });
    const inner = [hidden, tile.stride] as const;
    list.push(
      b.matmulBackwardInput({ dy: plan.get('logits'), w: 'head', dx: plan.get('dtaken') }, inner, {
        over: 'targets',
        tile,
        add: n > 0,
      }),
      b.matmulBackwardWeight({ dy: plan.get('logits'), x: plan.get('taken'), dw: 'head' }, inner, {
        over: 'targets',
        tile,
      }),
    );
  }
  call('take-targets-backward', {
    bindings: [batch, plan.get('targetOf'), plan.get('dtaken'), dnormed],
    workgroups: perElement(hidden / 4),
  });

  for (let layer = config.layers - 1; layer >= 0; layer--) {
    const last = layer === config.layers - 1;
    const first = 4 * layer;
    const ffSizes = [config.intermediateSize, hidden] as const;
    const gateUpSizes = [hidden, 2 * config.intermediateSize] as const;

    const afterRstd = last ? plan.get('finalRstd') : plan.get('rstd0', layer + 1);
    normWeight(first + 4, dnormed, b.stream(layer + 1), afterRstd);
    call('add-norm-backward', {
      call: [first + norm.postFeedForward, first + 4],
      bindings: [
        ...[batch, norms, dnormed, b.stream(layer + 1), plan.get('fed', layer)],
        ...[plan.get('rstd3', layer), afterRstd, dstream, dbranch],
      ],
      workgroups: perToken,
    });
    normWeight(first + norm.postFeedForward, dstream, plan.get('fed', layer), plan.get('rstd3', layer));
    list.push(
      b.matmulBackwardInput({ dy: dbranch, w: `down.${layer}`, dx: plan.get('dinner') }, ffSizes),
      b.matmulBackwardWeight({ dy: dbranch, x: plan.get('inner', layer), dw: `down.${layer}` }, ffSizes),
    );
    call('gelu-gate-backward', {
      bindings: [batch, plan.get('gateUp', layer), plan.get('dinner'), plan.get('dgateUp')],
      workgroups: perElement(config.intermediateSize / 4),
    });
    list.push(
      b.matmulBackwardInput({ dy: plan.get('dgateUp'), w: `gateUp.${layer}`, dx: dnormed }, gateUpSizes),
      b.matmulBackwardWeight(
        { dy: plan.get('dgateUp'), x: plan.get('middleNormed', layer), dw: `gateUp.${layer}` },
        gateUpSizes,
      ),
    );

    normWeight(first + norm.preFeedForward, dnormed, plan.get('middle', layer), plan.get('rstd2', layer));
    call('add-norm-backward', {
      call: [first + norm.postAttention, first + norm.preFeedForward],
      bindings: [
        ...[batch, norms, dnormed, plan.get('middle', layer), plan.get('attended', layer)],
        ...[plan.get('rstd1', layer), plan.get('rstd2', layer), dstream, dbranch],
      ],
      workgroups: perToken,
    });
    normWeight(first + norm.postAttention, dstream, plan.get('attended', layer), plan.get('rstd1', layer));
    list.push(
      b.matmulBackwardInput({ dy: dbranch, w: `o.${layer}`, dx: plan.get('dmixed') }, [shape.qSize, hidden]),
      b.matmulBackwardWeight({ dy: dbranch, x: plan.get('mixed', layer), dw: `o.${layer}` }, [
        shape.qSize,
        hidden,
      ]),
    );
    const window = isSliding(layer) ? config.slidingWindow : 0;
    call('attention-backward-queries', {
      call: [window],
      bindings: [
        ...[plan.get('queryBlocks'), plan.get('queries', layer), b.keys(layer), b.values(layer)],
        ...[plan.get('mixed', layer), plan.get('dmixed'), plan.get('stats', layer), plan.get('dqueries')],
      ],
      workgroups: (sizes) => [sizes.queryBlocks, config.keyValueHeads],
    });
    call('attention-backward-keys', {
      call: [window],
      bindings: [
        ...[plan.get('keyBlocks'), plan.get('queries', layer), b.keys(layer), b.values(layer)],
        ...[plan.get('dmixed'), plan.get('stats', layer), plan.get('dkeys'), plan.get('dvalues')],
      ],
      workgroups: (sizes) => [sizes.keyBlocks, config.keyValueHeads],
    });
    call('rope-backward', {
      bindings: [
        ...[batch, plan.get('positions'), b.turns],
        ...[plan.get('dqueries'), plan.get('dkeys'), plan.get('dvalues'), plan.get('dqkv')],
      ],
      workgroups: perElement(shape.qkvSize / 2),
    });
    list.push(
      b.matmulBackwardInput({ dy: plan.get('dqkv'), w: `qkv.${layer}`, dx: dnormed }, [
        hidden,
        shape.qkvSize,
      ]),
      b.matmulBackwardWeight({ dy: plan.get('dqkv'), x: plan.get('normed', layer), dw: `qkv.${layer}` }, [
        hidden,
        shape.qkvSize,
      ]),
    );
  }
  normWeight(norm.input, dnormed, b.stream(0), plan.get('rstd0', 0));
  call('rms-norm-backward', {
    call: [norm.input],
    bindings: [batch, norms, dnormed, b.stream(0), plan.get('rstd0', 0), dstream],
    workgroups: perToken,
  });
  call('norm-weight-reduce', {
    bindings: [batch, plan.get('normPartials'), gradients('norms')],
    workgroups: () => [Math.ceil(hidden / 64), shape.norms],
  });
  call('embed-backward', {
    bindings: [batch, plan.get('segments'), plan.get('order'), dstream, gradients('embed')],
    workgroups: (sizes) => [Math.ceil(hidden / 4 / 8), Math.ceil(sizes.segments / 8)],
  });
  return list;
}
