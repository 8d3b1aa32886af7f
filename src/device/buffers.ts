/** Buffers by name, from one table of shapes; and reading back. All sizes are in bytes. */
import { DeviceError } from '../errors.ts';
import type { Device, Recorded } from './device.ts';
import type { Work } from './paces.ts';

/** A buffer, or part of one, as a kernel binds it. */
export interface Binding {
  readonly buffer: GPUBuffer;
  readonly offset?: number;
  readonly size?: number;
}

/** A table of buffer sizes, allocated at once and destroyed together. */
export class Buffers<Name extends string> {
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(device: Device, label: string, sizes: ReadonlyMap<Name, number>) {
    device.check();
    const { name: adapter, largestBinding, largestBuffer } = device.adapter;
    const padded = [...sizes].map(([name, size]) => [name, Math.max(16, Math.ceil(size / 16) * 16)] as const);
    // All of them first: nothing is allocated where something does not fit.
    for (const [name, bytes] of padded) {
      if (bytes <= largestBinding && bytes <= largestBuffer) continue;
      throw new DeviceError(
        `${label}.${name} needs ${bytes} bytes, and ${adapter} binds at most ${largestBinding}. ` +
          'Use smaller batches (`microBatchTokens`, `slots`) or a shorter context.',
      );
    }
    for (const [name, bytes] of padded)
      this.#buffers.set(name, createStorage(device, `${label}.${name}`, bytes));
  }

  has(name: string): boolean {
    return this.#buffers.has(name);
  }

  get(name: Name): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new RangeError(`no buffer ${name}`);
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }
}

/** A storage buffer that can be written, copied and cleared; zero at first. */
export function createStorage(device: Device, label: string, bytes: number): GPUBuffer {
  return device.gpu.createBuffer({
    label,
    size: bytes,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
}

/** A uniform buffer. */
export function createUniform(device: Device, label: string, bytes: number): GPUBuffer {
  return device.gpu.createBuffer({
    label,
    size: Math.ceil(bytes / 16) * 16,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
}

/** What is read, and how. */
interface ReadOptions {
  /** The first byte; 0 where nothing is said. */
  readonly offset?: number;
  readonly bytes: number;
  /** What it is that one waits for, where that takes long. */
  readonly work?: Work;
  /** Submits the copy, with what it is of in the same submit; by itself otherwise. */
  readonly submit?: (copy: Recorded) => void;
}

/** Reads parts of buffers through one staging buffer that only grows. One read at a time. */
export class Readback {
  readonly #device: Device;
  #staging: GPUBuffer | undefined;
  #busy = false;

  constructor(device: Device) {
    this.#device = device;
  }

  /** Copies `bytes` of `source` from `offset` after all that was submitted, and waits. The result is a copy. */
  async read(
    source: GPUBuffer,
    { offset = 0, bytes, work, submit = (copy) => this.#device.submit(copy) }: ReadOptions,
  ): Promise<ArrayBuffer> {
    if (this.#busy) throw new DeviceError('two reads through one staging buffer at a time');
    this.#busy = true;
    try {
      const staging = this.#reserve(bytes);
      submit((encoder) => {
        if (bytes > 0) encoder.copyBufferToBuffer(source, offset, staging, 0, bytes);
      });
      if (bytes === 0) return new ArrayBuffer(0);
      const map = () => staging.mapAsync(GPUMapMode.READ, 0, bytes);
      await (work ? this.#device.untilWorked(work, map) : this.#device.until(map()));
      const copy = staging.getMappedRange(0, bytes).slice(0);
      staging.unmap();
      return copy;
    } finally {
      this.#busy = false;
    }
  }

  destroy(): void {
    this.#staging?.destroy();
    this.#staging = undefined;
  }

  #reserve(bytes: number): GPUBuffer {
    if (this.#staging && this.#staging.size >= bytes) return this.#staging;
    this.#staging?.destroy();
    this.#staging = this.#device.gpu.createBuffer({
      label: 'readback',
      size: 2 ** Math.ceil(Math.log2(Math.max(4096, bytes))),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    return this.#staging;
  }
}
