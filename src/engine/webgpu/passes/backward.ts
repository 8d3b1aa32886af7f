/**
 * The backward pass as a list of dispatches, from logprobs to the embedding: forward.ts from its
 * end.
 */

import type { Dispatch } from '../kernels.ts';
import type { TrainingOperations } from './backward-operations.ts';
import { inputNorm, type KeysAndValues, layerForward, normsOf } from './forward.ts';

/**
 * Adds to the gradient of everything that is trained. Reads what the forward pass kept; `dstream` must be
 * zero before. With `recompute` the forward pass kept the streams alone, and each layer is computed again
 * just before it is needed.
 */
export function decoderBackward(
  to: TrainingOperations,
  cache: readonly KeysAndValues[],
  { recompute }: { readonly recompute: boolean },
): Dispatch[] {
  const { plan, config } = to;
  const dnormed = plan.get('dnormed');
  const list: Dispatch[] = [];
  for (const tile of plan.tiles) {
    // With a single tile the forward pass has left its logits; several were written over one another.
    if (plan.tiles.length > 1) list.push(to.headLogits(tile));
    list.push(to.logprobBackward(tile), ...to.headBackward(tile));
  }
  list.push(to.takeTargetsBackward({ dtaken: plan.get('dtaken'), dx: dnormed }));
  for (let layer = config.layers - 1; layer >= 0; layer--) {
    if (recompute) list.push(inputNorm(to, layer), ...layerForward(to, layer, cache[layer]));
    list.push(...layerBackward(to, layer, cache[layer]));
  }
  const { attention } = normsOf(to.shape, 0);
  const embedded = { dy: dnormed, x: plan.stream(0), rstd: plan.normedRstd(0) };
  list.push(
    ...to.normWeightGradient(attention, embedded),
    to.rmsNormBackward(attention, { ...embedded, dx: plan.get('dstream') }),
    ...to.normWeightReduce(),
    ...to.embedBackward({ dx: plan.get('dstream') }),
  );
  return list;
}

/**
 * `dnormed` holds the gradient of the stream after the layer, as normed for the next, and in the end of the
 * stream before it; `dstream` what reaches the two along the residual stream.
 */
function layerBackward(to: TrainingOperations, layer: number, kept: KeysAndValues): Dispatch[] {
  const { plan, config } = to;
  const [dstream, dnormed, dbranch] = [plan.get('dstream'), plan.get('dnormed'), plan.get('dbranch')];
  const own = (name: string) => plan.get(name, layer);
  const norms = normsOf(to.shape, layer);
  const fed = { dy: dnormed, x: plan.stream(layer + 1), rstd: plan.normedRstd(layer + 1) };
  const attended = { dy: dnormed, x: own('middle'), rstd: own('middleRstd') };
  const dheads = {
    dqueries: plan.get('dqueries'),
    dkeys: plan.get('dkeys'),
    dvalues: plan.get('dvalues'),
  };
  /** Back from where a branch joined the stream and was normed for the next: `joined` is what was normed. */
  const joinBackward = (
    branch: 'fed' | 'attended',
    joined: { dy: GPUBuffer; x: GPUBuffer; rstd: GPUBuffer },
    numbers: { branch: number; next: number },
  ) => {
    const [x, rstd] = [own(branch), own(`${branch}Rstd`)];
    const buffers = { dy: dnormed, total: joined.x, branch: x, branchRstd: rstd, nextRstd: joined.rstd };
    return [
      ...to.normWeightGradient(numbers.next, joined),
      to.addNormBackward(numbers, { ...buffers, stream: dstream, dbranch }),
      ...(config.postNorms ? to.normWeightGradient(numbers.branch, { dy: dstream, x, rstd }) : []),
    ];
  };
  return [
    ...joinBackward('fed', fed, { branch: norms.afterFeedForward, next: norms.next }),
    ...to.linearBackward('down', layer, { dy: dbranch, x: own('inner'), dx: plan.get('dinner') }),
    to.gateBackward({ gateUp: own('gateUp'), dinner: plan.get('dinner'), dgateUp: plan.get('dgateUp') }),
    ...to.linearBackward('gateUp', layer, {
      dy: plan.get('dgateUp'),
      x: own('middleNormed'),
      dx: dnormed,
    }),

    ...joinBackward('attended', attended, { branch: norms.afterAttention, next: norms.feedForward }),
    ...to.linearBackward('o', layer, { dy: dbranch, x: own('mixed'), dx: plan.get('dmixed') }),
    ...to.attentionBackward(layer, {
      ...kept,
      ...dheads,
      queries: own('queries'),
      mixed: own('mixed'),
      stats: own('stats'),
      dmixed: plan.get('dmixed'),
    }),
    to.ropeBackward(layer, { ...dheads, dqkv: plan.get('dqkv') }),
    ...(config.queryKeyNorms
      ? to.headNormBackward(layer, { qkv: own('qkv'), rstd: own('headRstd'), dqkv: plan.get('dqkv') })
      : []),
    ...to.linearBackward('qkv', layer, { dy: plan.get('dqkv'), x: plan.normed(layer), dx: dnormed }),
  ];
}
