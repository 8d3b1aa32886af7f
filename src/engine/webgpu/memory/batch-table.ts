/** The one table of a batch's buffers and their sizes, in numbers of 4 bytes. N tokens, M targets. */
import type { DecoderConfig } from '../../config.ts';
import type { LoraShape } from '../../engine.ts';
import { type Shape, spanColumns } from '../shape.ts';
import { LINEARS, linearShape, lowRankOf, paddedRank } from './linear-maps.ts';

/** How much a batch may have of each; multiples of 64, because kernels write whole tiles. */
export interface Capacity {
  readonly tokens: number;
  readonly targets: number;
}

/**
 * What of the forward pass is kept for a backward pass: `all`; only the residual `stream` before each layer,
 * from which a layer is computed again; or `none`, in sampling.
 */
export type Kept = 'all' | 'stream' | 'none';

export interface BatchTable {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly lora: LoraShape | null;
  readonly capacity: Capacity;
  readonly kept: Kept;
  /** Columns of the widest tile of logits. */
  readonly logitColumns: number;
}

/** A layer's own buffer is `name.N` for layer N; one that layers share, in turn, is `name`. */
export function batchTable(table: BatchTable): Map<string, number> {
  const { config, shape, lora, kept, logitColumns } = table;
  const { tokens: n, targets: m } = table.capacity;
  const sizes = new Map<string, number>();
  const add = (entries: Readonly<Record<string, number>>, suffixes: readonly string[] = ['']) => {
    for (const suffix of suffixes) {
      for (const [name, size] of Object.entries(entries)) sizes.set(`${name}${suffix}`, size);
    }
  };
  const hidden = n * config.hiddenSize;
  const layers = Array.from({ length: config.layers }, (_, layer) => `.${layer}`);
  const own = kept === 'all' ? layers : [''];
  const training = kept !== 'none';

  // Index arrays: see batch.ts.
  add({ tokens: n, positions: n, bases: n, targets: m, queryBlocks: 4 * n });
  // The residual stream before each layer and after the last; otherwise two buffers alternate.
  const between = [...layers, `.${config.layers}`];
  const two = ['.0', '.1'];
  add({ stream: hidden }, training ? between : two);
  // The stream normed for the next layer, and the norms' 1 / sqrt(...).
  add({ normed: hidden }, kept === 'all' ? between : two);
  add({ normedRstd: n }, training ? between : two);

  add({ queries: n * shape.qSize, mixed: n * shape.qSize, stats: n * config.heads * 2 }, own);
  add({ attendedRstd: n, middle: hidden, middleNormed: hidden, middleRstd: n, fedRstd: n }, own);
  // Without norms after them the backward pass does not read the branches.
  add({ attended: hidden, fed: hidden }, config.postNorms ? own : ['']);
  add({ gateUp: n * config.intermediateSize * 2, inner: n * config.intermediateSize }, own);
  // In sampling they are in the cache.
  if (training) add({ keys: n * shape.kvSize, values: n * shape.kvSize }, own);
  add({ qkv: n * shape.qkvSize }, config.queryKeyNorms ? own : ['']);
  if (config.queryKeyNorms) {
    add({ headRstd: n * (config.heads + config.keyValueHeads) }, own);
    add({ qkvNormed: n * shape.qkvSize });
  }
  let widestLow = 0;
  for (const linear of LINEARS.keys()) {
    const width = lora ? paddedRank(lora) * lowRankOf(linear, lora).length : 0;
    if (width > 0) add({ [`${linear}Low`]: n * width }, own);
    widestLow = Math.max(widestLow, width);
  }
  add({ taken: m * config.hiddenSize });
  // Of matmuls on subgroup matrices, in passing.
  add({ rowScales: Math.max(n, m) });
  add({ logits: m * logitColumns, inverseTemperatures: m });
  if (!training) {
    add({ spanMasses: 2 * m * Math.ceil(config.vocabSize / spanColumns), wanted: 6 * m, drawn: 4 * m });
    return sizes;
  }
  add({ running: 4 * m, logprobs: m });

  const chunks = Math.ceil(n / shape.normChunk);
  add({ keyBlocks: 4 * n, targetOf: n, segments: 4 * n, order: n, advantages: m });
  add({ dtaken: m * config.hiddenSize, dstream: hidden, dnormed: hidden, dbranch: hidden });
  add({ dinner: n * config.intermediateSize, dgateUp: n * config.intermediateSize * 2 });
  add({ dmixed: n * shape.qSize, dqueries: n * shape.qSize, dqkv: n * shape.qkvSize });
  add({ dkeys: n * shape.kvSize, dvalues: n * shape.kvSize });
  if (widestLow > 0) add({ dlow: n * widestLow });
  if (lora) return sizes;

  if (shape.gradientRoom > 0) {
    // Of weights' gradients by panels, in passing: for 64 rows of any, and otherwise as many as there is room for.
    const widest = Math.max(n, m, config.hiddenSize, config.intermediateSize, shape.qSize);
    const room = Math.max(64 * widest, shape.gradientRoom);
    add({ across: room, partials: room });
  }
  add({ normPartials: shape.norms * chunks * config.hiddenSize });
  const biased = [...LINEARS].filter(([, [projection]]) => config.biases.includes(projection));
  const widths = biased.map(([linear]) => linearShape(config, linear).output);
  if (config.queryKeyNorms) widths.push(2 * config.headSize);
  if (widths.length > 0) add({ columnPartials: chunks * Math.max(...widths) });
  return sizes;
}
