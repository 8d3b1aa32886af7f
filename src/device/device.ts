/** A WebGPU device whose errors are fatal and whose waits end when it is lost. */
import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { sleep, unlessAborted } from '../clock.ts';
import { DeviceError } from '../errors.ts';
import { type AdapterDescription, describeAdapter, findAdapter } from './adapter.ts';
import { Paces, type Work } from './paces.ts';

/** The most storage buffers that a kernel of Swirl binds: what WebGPU promises everywhere. */
const storageBuffers = 8;

/** What kernels use where the adapter has it, and do without otherwise. */
const optionalFeatures = [
  'shader-f16',
  'subgroups',
  'subgroup-size-control',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix',
] as const;
export type OptionalFeature = (typeof optionalFeatures)[number];

/** What writes the time of each compute pass; see `Profiler`. */
export interface PassTimer {
  /** Where the next pass writes its times. */
  pass(label: string): GPUComputePassTimestampWrites;
  /** Records, after the passes of a submit, what makes their times readable. */
  resolve(encoder: GPUCommandEncoder): void;
}

/** Records commands of one submit. */
export type Recorded = (encoder: GPUCommandEncoder) => void;

/** The longest sleep before a wait, in milliseconds: what a wrong guess can cost. */
const longestSleep = 500;

/** How long the process sleeps between polls on a software adapter, in milliseconds. */
const pollPause = 0.1;
const never = new Int32Array(new SharedArrayBuffer(4));

/** See `Device.shared`. */
let shared: Promise<Device> | undefined;

export class Device {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterDescription;
  /** Times kernels; see `Profiler.start`. */
  profiler: PassTimer | null = null;
  /** Aborts with a `DeviceError` when the device breaks. */
  readonly #broken = new AbortController();
  readonly #paces = new Paces();

  private constructor(gpu: GPUDevice, adapter: AdapterDescription) {
    this.gpu = gpu;
    this.adapter = adapter;
    // One listener for each wait.
    setMaxListeners(0, this.#broken.signal);
    // The first error stays: a signal aborts once.
    gpu.addEventListener('uncapturederror', (event) => {
      const said = `${adapter.name}: ${event.error.message}`;
      this.#broken.abort(new DeviceError(said, { cause: event.error }));
    });
    void gpu.lost.then((info) => {
      const said = `${adapter.name}: the device was lost (${info.reason}): ${info.message}`;
      this.#broken.abort(new DeviceError(said));
    });
  }

  /**
   * The process's device, with the adapter's own limits; opened at first use, and again after it was lost.
   * One for all engines, because a driver compiles each kernel for each device (seconds of work on a software
   * driver). Throws `DeviceError` where there is no adapter.
   */
  static async shared(): Promise<Device> {
    const current = await shared?.catch(() => undefined);
    if (current && !current.#broken.signal.aborted) return current;
    shared = Device.#open();
    return shared;
  }

  static async #open(): Promise<Device> {
    const adapter = await findAdapter();
    const description = describeAdapter(adapter);
    const features = optionalFeatures.filter((feature) => adapter.features.has(feature as GPUFeatureName));
    try {
      return new Device(await request(adapter, features), description);
    } catch (error) {
      if (features.length === 0) throw error;
      // Nothing may fail for want of what is optional. An adapter opens one device: this takes another.
      return new Device(await request(await findAdapter(), []), description);
    }
  }

  /** Whether kernels may use an optional feature of the adapter. */
  has(feature: OptionalFeature): boolean {
    return this.gpu.features.has(feature);
  }

  /** Throws the first error that the device reported, if any. */
  check(): void {
    this.#broken.signal.throwIfAborted();
  }

  /** Waits, unless the device breaks first: then rejects with its `DeviceError`. */
  async until<T>(promise: Promise<T>): Promise<T> {
    this.check();
    const waited = this.adapter.software ? this.#patiently(promise) : promise;
    const result = await unlessAborted(waited, this.#broken.signal);
    this.check();
    return result;
  }

  /**
   * While a wait is pending Dawn polls at every turn of the event loop, which on a software adapter takes a core
   * from the work itself. So each turn sleeps a little.
   */
  async #patiently<T>(promise: Promise<T>): Promise<T> {
    let pending = true;
    const end = () => {
      pending = false;
    };
    promise.then(end, end);
    while (pending && !this.#broken.signal.aborted) {
      Atomics.wait(never, 0, 0, pollPause);
      await setImmediate();
    }
    return promise;
  }

  /**
   * `until` for work already submitted: `start` begins the wait. On a software adapter this sleeps first, for
   * most of the time that such work took before: meanwhile nothing polls, and other work of the process goes on.
   */
  async untilWorked<T>(work: Work, start: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const expected = this.#paces.expected(work);
    if (this.adapter.software && expected >= 2) await sleep(Math.min(0.75 * expected, longestSleep));
    const result = await this.until(start());
    this.#paces.learn(work, performance.now() - began);
    return result;
  }

  /** Runs recorded commands; several submits stay in order. */
  submit(record: Recorded): void {
    this.check();
    const encoder = this.gpu.createCommandEncoder();
    record(encoder);
    this.gpu.queue.submit([encoder.finish()]);
  }

  /** Frees destroyed buffers: those that were written to and never used are kept until the next submit. */
  sweep(): void {
    this.gpu.queue.submit([]);
  }
}

function request(adapter: GPUAdapter, features: readonly OptionalFeature[]): Promise<GPUDevice> {
  const { limits } = adapter;
  return adapter.requestDevice({
    // The experimental one is not in WebGPU's types.
    requiredFeatures: features as readonly string[] as GPUFeatureName[],
    // Limits that are not asked for stay at the defaults, and exceeding those can pass silently as zeros.
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: storageBuffers,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    },
  });
}
