/** Time on the device by kernel, from timestamp queries: on for as long as somebody wants to know. */
import { DeviceError } from '../errors.ts';
import type { Device, PassTimer } from './device.ts';

/** What passes of one label took together. */
export interface KernelTime {
  readonly label: string;
  readonly calls: number;
  readonly milliseconds: number;
}

/** Queries in a set: what WebGPU allows; each pass takes two. */
const mostQueries = 4096;

interface QuerySet {
  readonly queries: GPUQuerySet;
  /** Of each pair of queries. */
  readonly labels: string[];
}

interface Reading extends QuerySet {
  readonly resolved: GPUBuffer;
  /** What `resolved` holds, where it can be read. */
  readonly buffer: GPUBuffer;
}

/**
 * While a device has one, its kernels run in passes of their own, with a timestamp before and after each.
 * Results do not change; the whole takes longer, by what the passes cost.
 */
export class Profiler implements PassTimer {
  readonly #device: Device;
  #sets: QuerySet[] = [];
  #readings: Reading[] = [];

  /** Turns it on. Throws `DeviceError` where the adapter has no timestamps. */
  static start(device: Device): Profiler {
    if (!device.has('timestamp-query')) {
      throw new DeviceError(`${device.adapter.name} has no timestamps (timestamp-query)`);
    }
    if (device.profiler instanceof Profiler) return device.profiler;
    const profiler = new Profiler(device);
    device.profiler = profiler;
    return profiler;
  }

  private constructor(device: Device) {
    this.#device = device;
  }

  pass(label: string): GPUComputePassTimestampWrites {
    let set = this.#sets.at(-1);
    if (!set || 2 * set.labels.length === mostQueries) {
      const queries = this.#device.gpu.createQuerySet({ type: 'timestamp', count: mostQueries });
      set = { queries, labels: [] };
      this.#sets.push(set);
    }
    const first = 2 * set.labels.length;
    set.labels.push(label);
    return { querySet: set.queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  resolve(encoder: GPUCommandEncoder): void {
    for (const { queries, labels } of this.#sets) {
      const size = 16 * labels.length;
      const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
      const resolved = this.#device.gpu.createBuffer({ label: 'timestamps', size, usage });
      encoder.resolveQuerySet(queries, 0, 2 * labels.length, resolved, 0);
      const buffer = this.#device.gpu.createBuffer({
        ...{ label: 'timestamps read', size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST },
      });
      encoder.copyBufferToBuffer(resolved, 0, buffer, 0, size);
      this.#readings.push({ queries, labels, resolved, buffer });
    }
    this.#sets = [];
  }

  /**
   * Of everything submitted since the last call, longest first. Ask now and then: times are kept until then.
   */
  async times(): Promise<KernelTime[]> {
    const times = new Map<string, KernelTime>();
    for (const reading of this.#readings.splice(0)) {
      const { labels, buffer } = reading;
      await this.#device.until(buffer.mapAsync(GPUMapMode.READ));
      const stamps = new BigUint64Array(buffer.getMappedRange());
      for (const [i, label] of labels.entries()) {
        const { calls, milliseconds } = times.get(label) ?? { calls: 0, milliseconds: 0 };
        // Nanoseconds. Drivers may let a clock step back between passes; that is no time.
        const took = Number(stamps[2 * i + 1] - stamps[2 * i]) / 1e6;
        times.set(label, { label, calls: calls + 1, milliseconds: milliseconds + Math.max(0, took) });
      }
      release(reading);
    }
    return [...times.values()].sort((a, b) => b.milliseconds - a.milliseconds);
  }

  /** Turns it off. */
  stop(): void {
    if (this.#device.profiler === this) this.#device.profiler = null;
    for (const reading of this.#readings.splice(0)) release(reading);
  }
}

function release({ queries, resolved, buffer }: Reading): void {
  queries.destroy();
  resolved.destroy();
  buffer.destroy();
}
