/** The one table of a batch's buffers and their sizes, in numbers of 4 bytes. N tokens, M targets. */
import type { DecoderConfig } from '../config.ts';
import type { Shape } from './shape.ts';

/** How much a batch may have of each; multiples of 64, because kernels write whole tiles. */
export interface Capacity {
  readonly tokens: number;
  readonly targets: number;
}

export interface BatchTable {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly capacity: Capacity;
  /** Whether a backward pass will read what the forward pass keeps; otherwise layers take turns with one set. */
  readonly training: boolean;
  /** Columns of the widest tile of logits. */
  readonly logitColumns: number;
}

/** A layer's own buffer is `name.N` for layer N when training, and `name` otherwise. */
export function batchTable(table: BatchTable): Map<string, number> {
  const { config, shape, training, logitColumns } = table;
  const { tokens: n, targets: m } = table.capacity;
  const sizes = new Map<string, number>();
  const add = (entries: Readonly<Record<string, number>>, suffix = '') => {
    for (const [name, size] of Object.entries(entries)) sizes.set(`${name}${suffix}`, size);
  };
  const hidden = n * config.hiddenSize;
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);

  // Index arrays: see batch.ts.
  add({ tokens: n, positions: n, bases: n, targets: m, queryBlocks: 4 * n });
  // The residual stream before each layer and after the last, its norms, and the norms' 1 / sqrt(...).
  for (const layer of training ? [...layers, config.layers] : [0, 1]) {
    add({ stream: hidden, normed: hidden, normedRstd: n }, `.${layer}`);
  }
  for (const suffix of training ? layers.map((layer) => `.${layer}`) : ['']) {
    add({ queries: n * shape.qSize, mixed: n * shape.qSize, stats: n * config.heads * 2 }, suffix);
    add({ attended: hidden, attendedRstd: n, middle: hidden, middleNormed: hidden, middleRstd: n }, suffix);
    add({ gateUp: n * config.intermediateSize * 2, inner: n * config.intermediateSize }, suffix);
    add({ fed: hidden, fedRstd: n }, suffix);
    // In sampling they are in the cache.
    if (training) add({ keys: n * shape.kvSize, values: n * shape.kvSize }, suffix);
  }
  add({ qkv: n * shape.qkvSize, taken: m * config.hiddenSize });
  add({ logits: m * logitColumns, running: 4 * m, logprobs: m });
  if (!training) return sizes;

  add({ keyBlocks: 4 * n, targetOf: n, segments: 4 * n, order: n, weights: m });
  add({ dtaken: m * config.hiddenSize, dstream: hidden, dnormed: hidden, dbranch: hidden });
  add({ dinner: n * config.intermediateSize, dgateUp: n * config.intermediateSize * 2 });
  add({ dmixed: n * shape.qSize, dqueries: n * shape.qSize, dqkv: n * shape.qkvSize });
  add({ dkeys: n * shape.kvSize, dvalues: n * shape.kvSize });
  add({ normPartials: shape.norms * Math.ceil(n / shape.normChunk) * config.hiddenSize });
  return sizes;
}
