/**
 * The buffers of a batch, from one table, with room for a number of tokens and targets; they are made again,
 * larger, when a batch does not fit. Sizes in the table are in numbers of 4 bytes.
 */
import { Buffers, createUniform } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { DecoderConfig } from '../config.ts';
import type { BatchArray, PreparedBatch } from './batch.ts';
import type { BatchSizes } from './kernels.ts';
import type { Shape } from './shape.ts';

export interface Capacity {
  /** Multiples of 64: kernels work on whole tiles and may write beyond the last token. */
  readonly tokens: number;
  readonly targets: number;
}

/** A tile of the head: columns `first` to `first + columns` of the vocabulary. */
export interface HeadTile {
  readonly first: number;
  readonly columns: number;
  /** Numbers in a row of the tile's logits: the columns, in whole vec4. */
  readonly stride: number;
}

export class Plan {
  readonly capacity: Capacity;
  readonly tiles: readonly HeadTile[];
  readonly batch: GPUBuffer;
  readonly #device: Device;
  readonly #buffers: Buffers<string>;
  readonly #training: boolean;

  constructor(
    device: Device,
    options: {
      config: DecoderConfig;
      shape: Shape;
      capacity: Capacity;
      training: boolean;
      logitBytes: number;
    },
  ) {
    const { config, shape, capacity, training } = options;
    this.#device = device;
    this.#training = training;
    this.capacity = capacity;
    const vocabulary = Math.ceil(config.vocabSize / 4) * 4;
    // Tiles begin at multiples of 64 rows, so that their weights begin where a binding may.
    const fits =
      Math.floor(Math.min(device.adapter.largestBinding, options.logitBytes) / 4 / capacity.targets / 64) *
      64;
    const width = Math.min(vocabulary, Math.max(64, fits));
    this.tiles = Array.from({ length: Math.ceil(config.vocabSize / width) }, (_, tile) => {
      const first = tile * width;
      const columns = Math.min(width, config.vocabSize - first);
      return { first, columns, stride: Math.ceil(columns / 4) * 4 };
    });
    const table = new Map<string, number>([
      ...indexTable(capacity, training),
      ...forwardTable(config, shape, capacity, training),
      ...(training ? backwardTable(config, shape, capacity) : []),
      ['logits', capacity.targets * width],
    ]);
    this.#buffers = new Buffers(device, 'batch', new Map([...table].map(([name, size]) => [name, 4 * size])));
    this.batch = createUniform(device, 'batch.sizes', 32);
  }

  /** A buffer that all layers share, or the layer's own; in sampling nothing is kept for a backward pass. */
  get(name: string, layer?: number): GPUBuffer {
    return this.#buffers.get(layer === undefined || !this.#training ? name : `${name}.${layer}`);
  }

  /** Whether a batch of these sizes fits. */
  holds(sizes: BatchSizes): boolean {
    return sizes.tokens <= this.capacity.tokens && sizes.targets <= this.capacity.targets;
  }

  /** Puts a batch's arrays in their buffers. */
  write({ sizes, arrays }: PreparedBatch): void {
    const { queue } = this.#device.gpu;
    const counts = [sizes.tokens, sizes.targets, sizes.segments, sizes.chunks, 0];
    queue.writeBuffer(this.batch, 0, Uint32Array.from(counts));
    for (const [name, values] of arrays) queue.writeBuffer(this.#buffers.get(name), 0, values);
  }

  destroy(): void {
    this.#buffers.destroy();
    this.batch.destroy();
  }
}

/** Room for a batch of these sizes and a quarter more, in multiples of 64. */
export function capacityFor(sizes: BatchSizes): Capacity {
  const room = (count: number) => Math.ceil((count * 1.25) / 64) * 64;
  return { tokens: Math.max(64, room(sizes.tokens)), targets: Math.max(64, room(sizes.targets)) };
}

function indexTable({ tokens, targets }: Capacity, training: boolean): [BatchArray, number][] {
  const forward: [BatchArray, number][] = [
    ['tokens', tokens],
    ['positions', tokens],
    ['rows', tokens],
    ['targets', targets],
    ['queryBlocks', 4 * tokens],
  ];
  if (!training) return forward;
  return [
    ...forward,
    ['keyBlocks', 4 * tokens],
    ['targetOf', tokens],
    ['segments', 4 * tokens],
    ['order', tokens],
  ];
}

function forwardTable(
  config: DecoderConfig,
  shape: Shape,
  { tokens, targets }: Capacity,
  training: boolean,
): [string, number][] {
  // What the backward pass reads again: one buffer per layer when training, one for all otherwise.
  const perLayer: [string, number][] = [
    ['normed', tokens * config.hiddenSize],
    ['queries', tokens * shape.qSize],
    ['mixed', tokens * shape.qSize],
    ['stats', tokens * config.heads * 2],
    ['attended', tokens * config.hiddenSize],
    ['middle', tokens * config.hiddenSize],
    ['middleNormed', tokens * config.hiddenSize],
    ['gateUp', tokens * config.intermediateSize * 2],
    ['inner', tokens * config.intermediateSize],
    ['fed', tokens * config.hiddenSize],
    ['rstd0', tokens],
    ['rstd1', tokens],
    ['rstd2', tokens],
    ['rstd3', tokens],
  ];
  // The stream before layer N; the last is what comes out of the last layer. Sampling alternates between two.
  const streams = training ? config.layers + 1 : 2;
  const own: [string, number][] = [];
  for (let layer = 0; layer < config.layers && training; layer++) {
    for (const [name, size] of perLayer) own.push([`${name}.${layer}`, size]);
    own.push([`keys.${layer}`, tokens * shape.kvSize], [`values.${layer}`, tokens * shape.kvSize]);
  }
  return [
    ...(training ? own : perLayer),
    ...Array.from({ length: streams }, (_, n): [string, number] => [
      `stream${n}`,
      tokens * config.hiddenSize,
    ]),
    ['qkv', tokens * shape.qkvSize],
    ['final', tokens * config.hiddenSize],
    ['finalRstd', tokens],
    ['taken', targets * config.hiddenSize],
    ['running', targets * 4],
    ['logprobs', targets],
  ];
}

function backwardTable(
  config: DecoderConfig,
  shape: Shape,
  { tokens, targets }: Capacity,
): [string, number][] {
  return [
    ['weights', targets],
    ['dtaken', targets * config.hiddenSize],
    ['dstream', tokens * config.hiddenSize],
    ['dnormed', tokens * config.hiddenSize],
    ['dbranch', tokens * config.hiddenSize],
    ['dinner', tokens * config.intermediateSize],
    ['dgateUp', tokens * config.intermediateSize * 2],
    ['dmixed', tokens * shape.qSize],
    ['dqueries', tokens * shape.qSize],
    ['dkeys', tokens * shape.kvSize],
    ['dvalues', tokens * shape.kvSize],
    ['dqkv', tokens * shape.qkvSize],
    ['normPartials', shape.norms * Math.ceil(tokens / shape.normChunk) * config.hiddenSize],
  ];
}
