/** The buffers of a batch, with room for so many tokens and targets; made again, larger, when a batch does not fit. */
import { Buffers, createUniform } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { DecoderConfig } from '../config.ts';
import type { PreparedBatch } from './batch.ts';
import { batchTable, type Capacity } from './batch-table.ts';
import type { BatchSizes } from './kernels.ts';
import type { Shape } from './shape.ts';

/** A tile of the head: columns `first` to `first + columns` of the vocabulary. */
export interface HeadTile {
  readonly first: number;
  readonly columns: number;
  /** Numbers in a row of the tile's logits: the columns, in whole vec4. */
  readonly stride: number;
}

export interface PlanOptions {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly capacity: Capacity;
  readonly training: boolean;
  /** Most bytes of one tile of logits. */
  readonly logitBytes: number;
}

export class Plan {
  readonly capacity: Capacity;
  readonly tiles: readonly HeadTile[];
  readonly batch: GPUBuffer;
  readonly #device: Device;
  readonly #buffers: Buffers<string>;
  readonly #training: boolean;

  constructor(device: Device, options: PlanOptions) {
    const { config, capacity } = options;
    this.#device = device;
    this.#training = options.training;
    this.capacity = capacity;
    // Tiles begin at multiples of 64 rows, so that their weights begin where a binding may.
    const bytes = Math.min(device.adapter.largestBinding, options.logitBytes);
    const fits = Math.floor(bytes / 4 / capacity.targets / 64) * 64;
    const logitColumns = Math.min(Math.ceil(config.vocabSize / 4) * 4, Math.max(64, fits));
    this.tiles = Array.from({ length: Math.ceil(config.vocabSize / logitColumns) }, (_, tile) => {
      const first = tile * logitColumns;
      const columns = Math.min(logitColumns, config.vocabSize - first);
      return { first, columns, stride: Math.ceil(columns / 4) * 4 };
    });
    const table = batchTable({ ...options, logitColumns });
    this.#buffers = new Buffers(device, 'batch', new Map([...table].map(([name, size]) => [name, 4 * size])));
    this.batch = createUniform(device, 'batch.sizes', 32);
  }

  /** A buffer that all layers share, or the layer's own. */
  get(name: string, layer?: number): GPUBuffer {
    return this.#buffers.get(layer === undefined || !this.#training ? name : `${name}.${layer}`);
  }

  /** (N, hidden) the residual stream before a layer, or after the last. */
  stream(layer: number): GPUBuffer {
    return this.#turn('stream', layer);
  }

  /** (N, hidden) the stream, normed for the layer, or after the last for the head. */
  normed(layer: number): GPUBuffer {
    return this.#turn('normed', layer);
  }

  /** (N) what `normed` was multiplied by. */
  normedRstd(layer: number): GPUBuffer {
    return this.#turn('normedRstd', layer);
  }

  /** Whether a batch of these sizes fits. */
  holds(sizes: BatchSizes): boolean {
    return sizes.tokens <= this.capacity.tokens && sizes.targets <= this.capacity.targets;
  }

  /** Puts a batch's arrays in their buffers. */
  write({ sizes, arrays }: PreparedBatch): void {
    const { queue } = this.#device.gpu;
    // The last is `zero`: see shape.ts.
    const counts = [sizes.tokens, sizes.targets, sizes.segments, sizes.chunks, 0];
    queue.writeBuffer(this.batch, 0, Uint32Array.from(counts));
    for (const [name, values] of arrays) queue.writeBuffer(this.#buffers.get(name), 0, values);
  }

  destroy(): void {
    this.#buffers.destroy();
    this.batch.destroy();
  }

  /** In sampling two buffers take turns: a layer reads one and writes the other. */
  #turn(name: string, layer: number): GPUBuffer {
    return this.#buffers.get(`${name}.${this.#training ? layer : layer % 2}`);
  }
}

/** Room for this batch and a quarter more, and no less than there was before. */
export function capacityFor(sizes: BatchSizes, before: Capacity | undefined): Capacity {
  const room = (count: number) => Math.max(64, Math.ceil((count * 1.25) / 64) * 64);
  return {
    tokens: Math.max(room(sizes.tokens), before?.tokens ?? 0),
    targets: Math.max(room(sizes.targets), before?.targets ?? 0),
  };
}
