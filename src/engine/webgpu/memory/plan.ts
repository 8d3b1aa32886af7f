/**
 * The buffers of a batch, with room for a number of tokens and targets; made again, larger, when a batch does
 * not fit.
 */
import { Buffers, createUniform } from '../../../device/buffers.ts';
import type { Device } from '../../../device/device.ts';
import type { DecoderConfig } from '../../config.ts';
import type { LoraShape } from '../../engine.ts';
import { wholeVectors } from '../padding.ts';
import type { Shape } from '../shape.ts';
import type { BatchSizes, PreparedBatch } from './batch.ts';
import { batchTable, type Capacity, type Kept } from './batch-table.ts';
import type { Piece, Slab } from './parameters.ts';

/**
 * A tile of the head: columns `first` to `first + columns` of the vocabulary, rows of one piece of the head's
 * weights.
 */
export interface HeadTile {
  readonly piece: Piece;
  readonly first: number;
  readonly columns: number;
  /** The columns, in whole vec4. */
  readonly width: number;
  /** Numbers in a row of logits, of which the tile's begin at `at`. */
  readonly stride: number;
  readonly at: number;
}

/** Most bytes of a tile of logits, where nothing else is said. */
export const defaultLogitBytes = 2 ** 29;

export interface PlanOptions {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly lora: LoraShape | null;
  readonly capacity: Capacity;
  readonly kept: Kept;
  /** Where the head's weights lie. */
  readonly head: Slab;
  /** Most bytes of one tile of logits. */
  readonly logitBytes: number;
}

export class Plan {
  readonly capacity: Capacity;
  readonly kept: Kept;
  readonly tiles: readonly HeadTile[];
  readonly batch: GPUBuffer;
  readonly #device: Device;
  readonly #buffers: Buffers<string>;
  readonly #layers: number;

  constructor(device: Device, options: PlanOptions) {
    const { capacity } = options;
    this.#device = device;
    this.#layers = options.config.layers;
    this.capacity = capacity;
    this.kept = options.kept;
    const bytes = Math.min(device.adapter.largestBinding, options.logitBytes);
    this.tiles = headTiles(options, bytes);
    const table = batchTable({
      ...options,
      logitColumns: Math.max(...this.tiles.map((tile) => tile.stride)),
    });
    this.#buffers = new Buffers(device, 'batch', new Map([...table].map(([name, size]) => [name, 4 * size])));
    this.batch = createUniform(device, 'batch.sizes', 32);
  }

  /** A buffer that all layers share, or the layer's own where it has one. */
  get(name: string, layer?: number): GPUBuffer {
    const own = `${name}.${layer}`;
    return this.#buffers.get(layer !== undefined && this.#buffers.has(own) ? own : name);
  }

  /** A buffer that only some plans have. */
  find(name: string): GPUBuffer | null {
    return this.#buffers.has(name) ? this.#buffers.get(name) : null;
  }

  /** (N, hidden) the residual stream before a layer, or after the last. */
  stream(layer: number): GPUBuffer {
    return this.#alternating('stream', layer);
  }

  /** (N, hidden) the stream, normed for the layer, or after the last for the head. */
  normed(layer: number): GPUBuffer {
    return this.#alternating('normed', layer);
  }

  /** (N) what `normed` was multiplied by. */
  normedRstd(layer: number): GPUBuffer {
    return this.#alternating('normedRstd', layer);
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

  /** Where layers have none of their own, two buffers alternate: a layer reads one and writes the other. */
  #alternating(name: string, layer: number): GPUBuffer {
    const all = this.#buffers.has(`${name}.${this.#layers}`);
    return this.#buffers.get(`${name}.${all ? layer : layer % 2}`);
  }
}

/**
 * Cuts the vocabulary so that a tile of logits has at most this many bytes, and lies in one piece of the
 * weights. In sampling, which draws from whole rows, only pieces cut it, and their logits lie side by side.
 */
export function headTiles(
  { config, capacity, kept, head }: Pick<PlanOptions, 'config' | 'capacity' | 'kept' | 'head'>,
  bytes: number,
): HeadTile[] {
  const whole = kept === 'none';
  // Tiles begin at multiples of 64 rows, so that their weights begin where a binding may.
  const fits = whole ? config.vocabSize : Math.max(64, Math.floor(bytes / 4 / capacity.targets / 64) * 64);
  const tiles: HeadTile[] = [];
  for (const piece of head.pieces) {
    const end = Math.min(piece.firstRow + piece.rows, config.vocabSize);
    for (let first = piece.firstRow; first < end; first += fits) {
      const columns = Math.min(fits, end - first);
      const width = wholeVectors(columns);
      const place = whole ? { stride: wholeVectors(config.vocabSize), at: first } : { stride: width, at: 0 };
      tiles.push({ piece, first, columns, width, ...place });
    }
  }
  return tiles;
}

/** How many rows of logits, of all of the vocabulary, have at most this many bytes; kernels write 64 at once. */
export function wholeRows({ vocabSize }: Pick<DecoderConfig, 'vocabSize'>, bytes: number): number {
  return Math.max(64, Math.floor(bytes / 4 / wholeVectors(vocabSize) / 64) * 64);
}

/**
 * Room for this batch and a quarter more, and no less than there was before; but no more than for `most`
 * tokens where the batch fits those.
 */
export function capacityFor(
  sizes: BatchSizes,
  before: Capacity | undefined,
  most: Capacity = { tokens: Number.POSITIVE_INFINITY, targets: Number.POSITIVE_INFINITY },
): Capacity {
  const room = (of: keyof Capacity) => {
    const wanted = Math.max(wholeTiles(sizes[of] * 1.25), before?.[of] ?? 0);
    return Math.max(wholeTiles(sizes[of]), Math.min(wanted, wholeTiles(most[of])));
  };
  return { tokens: room('tokens'), targets: room('targets') };
}

/** Kernels write whole tiles of rows: at least one. */
export function wholeTiles(rows: number): number {
  return Math.max(64, Math.ceil(rows / 64) * 64);
}
