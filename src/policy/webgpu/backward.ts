/** The backward pass as a list of dispatches, from log-probabilities to the embedding: forward.ts from its end. */
import type { TrainingOperations } from './backward-operations.ts';
import { type KeysAndValues, norm } from './forward.ts';
import type { Dispatch } from './kernels.ts';

/** Adds to the gradient of every weight. Reads what the forward pass kept; `dstream` must be zero before. */
export function decoderBackward(to: TrainingOperations, cache: readonly KeysAndValues[]): Dispatch[] {
  const { plan, config } = to;
  const [dstream, dnormed, dbranch] = [plan.get('dstream'), plan.get('dnormed'), plan.get('dbranch')];
  const list: Dispatch[] = [];

  for (const tile of plan.tiles) {
    // With a single tile the forward pass has left its logits; several were written over one another.
    if (plan.tiles.length > 1) list.push(to.headLogits(tile));
    list.push(to.logProbBackward(tile), ...to.headBackward(tile));
  }
  list.push(to.takeTargetsBackward({ dtaken: plan.get('dtaken'), dx: dnormed }));

  for (let layer = config.layers - 1; layer >= 0; layer--) {
    const own = (name: string) => plan.get(name, layer);
    const first = 4 * layer;
    const fed = { dy: dnormed, x: plan.stream(layer + 1), rstd: plan.normedRstd(layer + 1) };
    const attended = { dy: dnormed, x: own('middle'), rstd: own('middleRstd') };
    const dheads = {
      dqueries: plan.get('dqueries'),
      dkeys: plan.get('dkeys'),
      dvalues: plan.get('dvalues'),
    };
    list.push(
      to.normWeightGradient(first + 4, fed),
      to.addNormBackward(
        { branch: first + norm.postFeedForward, next: first + 4 },
        {
          dy: dnormed,
          total: fed.x,
          branch: own('fed'),
          branchRstd: own('fedRstd'),
          nextRstd: fed.rstd,
          stream: dstream,
          dbranch,
        },
      ),
      to.normWeightGradient(first + norm.postFeedForward, {
        dy: dstream,
        x: own('fed'),
        rstd: own('fedRstd'),
      }),
      ...to.linearBackward(`down.${layer}`, { dy: dbranch, x: own('inner'), dx: plan.get('dinner') }),
      to.geluGateBackward({
        gateUp: own('gateUp'),
        dinner: plan.get('dinner'),
        dgateUp: plan.get('dgateUp'),
      }),
      ...to.linearBackward(`gateUp.${layer}`, {
        dy: plan.get('dgateUp'),
        x: own('middleNormed'),
        dx: dnormed,
      }),

      to.normWeightGradient(first + norm.preFeedForward, attended),
      to.addNormBackward(
        { branch: first + norm.postAttention, next: first + norm.preFeedForward },
        {
          dy: dnormed,
          total: attended.x,
          branch: own('attended'),
          branchRstd: own('attendedRstd'),
          nextRstd: attended.rstd,
          stream: dstream,
          dbranch,
        },
      ),
      to.normWeightGradient(first + norm.postAttention, {
        dy: dstream,
        x: own('attended'),
        rstd: own('attendedRstd'),
      }),
      ...to.linearBackward(`o.${layer}`, { dy: dbranch, x: own('mixed'), dx: plan.get('dmixed') }),
      ...to.attentionBackward(layer, {
        ...cache[layer],
        ...dheads,
        queries: own('queries'),
        mixed: own('mixed'),
        stats: own('stats'),
        dmixed: plan.get('dmixed'),
      }),
      to.ropeBackward({ ...dheads, dqkv: plan.get('dqkv') }),
      ...to.linearBackward(`qkv.${layer}`, { dy: plan.get('dqkv'), x: plan.normed(layer), dx: dnormed }),
    );
  }
  const embedded = { dy: dnormed, x: plan.stream(0), rstd: plan.normedRstd(0) };
  list.push(
    to.normWeightGradient(norm.input, embedded),
    to.rmsNormBackward(norm.input, { ...embedded, dx: dstream }),
    to.normWeightReduce(),
    to.embedBackward({ dx: dstream }),
  );
  return list;
}
