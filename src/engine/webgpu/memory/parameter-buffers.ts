/** Parameters on the device: the buffers of a layout, and tensors going in and out of them. */

import type { Binding, Readback } from '../../../device/buffers.ts';
import { createStorage } from '../../../device/buffers.ts';
import type { Device } from '../../../device/device.ts';
import { DeviceError } from '../../../errors.ts';
import type { TensorShapes } from '../../config.ts';
import type { Tensors, WeightSource } from '../../engine.ts';
import { paddedAt } from '../padding.ts';
import { fromStored, isPacked, type NumberFormat, numberBytes, toStored } from './number-format.ts';
import type { ParameterLayout, Piece, Place, Slab } from './parameters.ts';

/** How much is read back at once, in bytes. */
const readBytes = 64 * 1024 * 1024;

/** A range of numbers of one buffer, no longer than a kernel may bind. */
export interface FlatRange {
  readonly buffer: number;
  /** In bytes. */
  readonly offset: number;
  readonly size: number;
}

export class ParameterBuffers {
  readonly layout: ParameterLayout;
  readonly #device: Device;
  readonly #buffers: GPUBuffer[] = [];

  /** Allocates the layout's buffers; all numbers are 0. */
  constructor(device: Device, label: string, layout: ParameterLayout) {
    device.check();
    this.layout = layout;
    this.#device = device;
    for (const [n, bytes] of layout.buffers.entries()) {
      if (bytes > device.adapter.largestBuffer) {
        this.destroy();
        throw new DeviceError(
          `${label} needs a buffer of ${bytes} bytes, and ${device.adapter.name} has at most ${device.adapter.largestBuffer}`,
        );
      }
      this.#buffers.push(createStorage(device, `${label}.${n}`, bytes));
    }
  }

  slab(name: string): Slab {
    const slab = this.layout.slabs.get(name);
    if (!slab) throw new RangeError(`no weights ${name}`);
    return slab;
  }

  /**
   * Rows of a piece (all of them otherwise), as a kernel binds them; `from` counts from the piece's first.
   */
  bind(slab: Slab, piece: Piece, rows?: { readonly from: number; readonly count: number }): Binding {
    const row = numberBytes[slab.format] * slab.columns;
    const { from, count } = rows ?? { from: 0, count: piece.rows };
    const buffer = this.#buffers[piece.buffer];
    return { buffer, offset: piece.offset + from * row, size: count * row };
  }

  /** A slab that is one piece. */
  bindWhole(name: string): Binding {
    const slab = this.slab(name);
    if (slab.pieces.length !== 1) throw new RangeError(`${name} is in ${slab.pieces.length} pieces`);
    return this.bind(slab, slab.pieces[0]);
  }

  /** All buffers in ranges that kernels can bind, at most `largest` bytes each. */
  ranges(largest: number): FlatRange[] {
    const most = Math.floor(largest / 256) * 256;
    return this.layout.buffers.flatMap((bytes, buffer) =>
      Array.from({ length: Math.ceil(bytes / most) }, (_, n) => ({
        buffer,
        offset: n * most,
        size: Math.min(most, bytes - n * most),
      })),
    );
  }

  bindRange({ buffer, offset, size }: FlatRange): Binding {
    return { buffer: this.#buffers[buffer], offset, size };
  }

  /** Fills every tensor from a source. */
  async load(source: WeightSource): Promise<void> {
    for (const name of this.layout.tensors.keys()) {
      if (isPacked(this.#formatOf(name))) {
        if (!source.readPacked) throw new RangeError(`the source has no packed weights ${name}`);
        await source.readPacked(name, (words, at) => this.#write(name, words, at));
      } else {
        await source.read(name, (slice, at) => this.#write(name, slice, at));
      }
      // Otherwise the queue keeps a copy of everything that was written.
      this.#device.sweep();
    }
  }

  /** Sets the tensors that are given. Throws `RangeError`, with nothing set, where one is packed. */
  write(tensors: Tensors): void {
    for (const name of tensors.keys()) {
      const format = this.#formatOf(name);
      if (isPacked(format))
        throw new RangeError(`${name} is kept as ${format}, and cannot be set to other numbers`);
    }
    for (const [name, values] of tensors) this.#write(name, values, 0);
  }

  /** Every tensor, each a copy, in the order of `names`. */
  async read(names: TensorShapes, readback: Readback): Promise<Tensors> {
    const stored = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const name of names.keys()) {
      const place = this.layout.tensors.get(name);
      if (!place) continue;
      const bytes = numberBytes[this.#formatOf(name)] * place.rows * place.columns;
      stored.set(name, new Uint8Array(bytes));
    }
    for (const [n, buffer] of this.#buffers.entries()) {
      for (let offset = 0; offset < buffer.size; offset += readBytes) {
        const bytes = Math.min(readBytes, buffer.size - offset);
        const stretch = await readback.read(buffer, { offset, bytes });
        this.#gather(stored, stretch, { buffer: n, offset });
      }
    }
    const tensors: Tensors = new Map();
    for (const [name, bytes] of stored) tensors.set(name, fromStored(bytes, this.#formatOf(name)));
    return tensors;
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #formatOf(name: string): NumberFormat {
    return this.slab(this.#placeOf(name).slab).format;
  }

  #placeOf(name: string): Place {
    const place = this.layout.tensors.get(name);
    if (!place) throw new RangeError(`no weights ${name}`);
    return place;
  }

  /** Numbers of a tensor from its `at`-th on, or the words of packed ones, to their places. */
  #write(name: string, values: Float32Array | Uint32Array, at: number): void {
    const place = this.#placeOf(name);
    const slab = this.slab(place.slab);
    const width = numberBytes[slab.format];
    const stored = toStored(values, slab.format);
    for (const run of runs(place, at, stored.length / width)) {
      for (const { piece, first, from, count } of within(slab, run.at, run.count)) {
        const start = width * (run.from + first);
        const part = stored.subarray(start, start + width * count);
        this.#device.gpu.queue.writeBuffer(this.#buffers[piece.buffer], piece.offset + width * from, part);
      }
    }
  }

  /** Copies what a stretch of a buffer holds to the tensors, as they are stored. */
  #gather(
    tensors: ReadonlyMap<string, Uint8Array>,
    stretch: ArrayBuffer,
    at: { buffer: number; offset: number },
  ): void {
    const end = at.offset + stretch.byteLength;
    for (const [name, bytes] of tensors) {
      const place = this.#placeOf(name);
      const slab = this.slab(place.slab);
      const width = numberBytes[slab.format];
      for (const run of runs(place, 0, bytes.length / width)) {
        for (const { piece, first, from, count } of within(slab, run.at, run.count)) {
          if (piece.buffer !== at.buffer) continue;
          const start = piece.offset + width * from;
          const [low, high] = [Math.max(start, at.offset), Math.min(start + width * count, end)];
          if (low >= high) continue;
          const part = new Uint8Array(stretch, low - at.offset, high - low);
          bytes.set(part, width * (run.from + first) + low - start);
        }
      }
    }
  }
}

/**
 * Stretches of a tensor's numbers `at` to `at + count` that lie together in its slab: `from` in what was
 * given.
 */
function* runs(
  { start, columns, stride, rowBlocks, columnBlocks }: Place,
  at: number,
  count: number,
): Generator<{ from: number; at: number; count: number }> {
  if (columns === stride && rowBlocks.size === rowBlocks.padded) {
    yield { from: 0, at: start + at, count };
    return;
  }
  for (let done = 0; done < count; ) {
    const [row, column] = [Math.floor((at + done) / columns), (at + done) % columns];
    const length = Math.min(columnBlocks.size - (column % columnBlocks.size), count - done);
    const place = start + paddedAt(rowBlocks, row) * stride + paddedAt(columnBlocks, column);
    yield { from: done, at: place, count: length };
    done += length;
  }
}

/** Cuts numbers of a slab at the borders of its pieces: `first` in the stretch, `from` in the piece. */
function* within(
  slab: Slab,
  at: number,
  count: number,
): Generator<{ piece: Piece; first: number; from: number; count: number }> {
  for (const piece of slab.pieces) {
    const start = piece.firstRow * slab.columns;
    const [low, high] = [Math.max(at, start), Math.min(at + count, start + piece.rows * slab.columns)];
    if (low < high) yield { piece, first: low - at, from: low - start, count: high - low };
  }
}
