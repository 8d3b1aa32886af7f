/** Compiles the kernels of one decoder, each once, and turns calls into dispatches. */
import { readFileSync } from 'node:fs';
import type { AdapterDescription } from '../../device/adapter.ts';
import { type Binding, createUniform } from '../../device/buffers.ts';
import type { Device, PassTimer } from '../../device/device.ts';
import { DeviceError } from '../../errors.ts';
import { inRegisters, type MatmulMethod } from './matmul-variants.ts';
import type { BatchSizes } from './memory/batch.ts';
import type { NumberFormat } from './memory/number-format.ts';
import { storedSource } from './stored.ts';
import type { Variant } from './variant.ts';

/** One kernel with its buffers; the workgroups depend on the batch at hand. */
export interface Dispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: (sizes: BatchSizes) => readonly [number, number, number];
  /** What it was made of, for the self-check. */
  readonly call: KernelCall;
  /** Part of the same, and run before it each time. */
  readonly before?: Dispatch;
}

export interface KernelCall {
  /** How the kernel's `Stored` matrix is kept; kernels without one need not say. */
  readonly stored?: NumberFormat;
  /** The kernel's `Call`, by the order of its members (`float` for an f32); bound after `bindings`. */
  readonly call?: readonly number[];
  /** In the order of the kernel's bindings. */
  readonly bindings: readonly (GPUBuffer | Binding)[];
  /** Another kernel that does the same with the same bindings. */
  readonly variant?: Variant;
  /** What the variant binds after all else, and what has to run before it. */
  readonly more?: readonly GPUBuffer[];
  readonly before?: Dispatch;
  /** Workgroups in x, y and z; 0 anywhere: nothing to do. */
  readonly workgroups: (sizes: BatchSizes) => readonly [number, number?, number?];
}

/** What several kernels and variants have in common stands once, in files that go before a kernel's own. */
export const sharedFiles: Readonly<Record<string, readonly string[]>> = {
  attention: ['attention-bindings'],
  'attention-backward-queries': ['attention-backward-bindings', 'attention-backward-queries-bindings'],
  'attention-backward-keys': ['attention-backward-bindings', 'attention-backward-keys-bindings'],
  matmul: ['matmul-rows', 'matmul-bindings'],
  'matmul-backward-input': ['matmul-rows', 'matmul-backward-input-bindings'],
  'matmul-backward-weight': ['matmul-rows', 'matmul-backward-weight-bindings'],
  transpose: ['matmul-rows'],
  logprob: ['logprob-bindings'],
  'logprob-backward': ['logprob-bindings'],
  'add-norm': ['add-norm-bindings'],
  'add-norm-backward': ['add-norm-bindings'],
  'span-masses': ['sampling-bindings'],
  draw: ['sampling-bindings', 'philox'],
};

/** An f32 of a kernel's `Call`. */
export function float(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}

/** By device, and by matmul method and prefix. */
const made = new WeakMap<Device, Map<string, Kernels>>();

export class Kernels {
  /** Which kernels `Matmul` takes. */
  readonly matmul: MatmulMethod;
  readonly adapter: AdapterDescription;
  readonly #device: Device;
  readonly #prefix: string;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #calls = new Map<string, GPUBuffer>();

  /** The kernels of a device with this text before each: made once, with their pipelines. */
  static of(device: Device, prefix: string, matmul: MatmulMethod = inRegisters): Kernels {
    const known = made.get(device) ?? new Map<string, Kernels>();
    made.set(device, known);
    const key = `${JSON.stringify(matmul)} ${prefix}`;
    const kernels = known.get(key) ?? new Kernels(device, prefix, matmul);
    known.set(key, kernels);
    return kernels;
  }

  private constructor(device: Device, prefix: string, matmul: MatmulMethod) {
    this.#device = device;
    this.#prefix = prefix;
    this.matmul = matmul;
    this.adapter = device.adapter;
  }

  /** A call of `kernels/NAME.wgsl`, ready to be encoded again and again. */
  dispatch(name: string, call: KernelCall): Dispatch {
    const pipeline = this.#pipeline(name, call);
    const uniforms = call.call ? [this.#callBuffer(call.call)] : [];
    const bindings = [...call.bindings, ...uniforms, ...(call.more ?? [])];
    const bindGroup = this.#device.gpu.createBindGroup({
      label: name,
      layout: pipeline.getBindGroupLayout(0),
      entries: bindings.map((bound, binding) => ({
        binding,
        resource: 'buffer' in bound ? bound : { buffer: bound },
      })),
    });
    return {
      label: name,
      pipeline,
      bindGroup,
      workgroups: (sizes) => {
        const [x, y = 1, z = 1] = call.workgroups(sizes);
        return [x, y, z];
      },
      call,
      ...(call.before ? { before: call.before } : {}),
    };
  }

  /** One uniform per different call: there are few, and they live as long as the kernels. */
  #callBuffer(numbers: readonly number[]): GPUBuffer {
    const key = numbers.join(' ');
    let buffer = this.#calls.get(key);
    if (!buffer) {
      buffer = createUniform(this.#device, `call ${key}`, 4 * numbers.length);
      this.#device.gpu.queue.writeBuffer(buffer, 0, Uint32Array.from(numbers));
      this.#calls.set(key, buffer);
    }
    return buffer;
  }

  #pipeline(name: string, { stored, variant }: Pick<KernelCall, 'stored' | 'variant'>) {
    const { files: own, before, directives = [] } = variant ?? { files: [name], before: '' };
    const files = [...(sharedFiles[name] ?? []), ...own];
    const key = [stored, ...files, before].join(' ');
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      const code = [
        ...directives,
        ...[this.#prefix, stored ? storedSource(stored) : '', before],
        ...files.map((file) => readFileSync(new URL(`../kernels/${file}.wgsl`, import.meta.url), 'utf8')),
      ].join('\n');
      const module = this.#device.gpu.createShaderModule({ label: name, code });
      pipeline = this.#device.gpu.createComputePipeline({ label: name, layout: 'auto', compute: { module } });
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }
}

/** Workgroups of 8 x 8 invocations over `columns` and the batch's tokens or targets. */
export function perElement(columns: number, rows: 'tokens' | 'targets' = 'tokens') {
  const x = Math.ceil(columns / 8);
  return (sizes: BatchSizes) => [x, Math.ceil(sizes[rows] / 8)] as const;
}

/** A dimension of a dispatch ends at 65535: this many workgroups in two, of which the kernel computes its own. */
export function inTwoDimensions(count: number): readonly [number, number] {
  const widest = 32768;
  return [Math.min(count, widest), Math.ceil(count / widest)];
}

/**
 * Encodes dispatches in order, in one pass: WebGPU makes each see what the ones before it wrote. With a
 * profiler each has a pass of its own, whose time is the kernel's.
 */
export function encode(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  sizes: BatchSizes,
  profiler: PassTimer | null = null,
): void {
  const all = dispatches.flatMap(inOrder);
  const list = all.filter(({ workgroups }) => workgroups(sizes).every((count) => count > 0));
  if (profiler === null) {
    const pass = encoder.beginComputePass();
    for (const dispatch of list) encodeOne(pass, dispatch, sizes);
    pass.end();
    return;
  }
  for (const dispatch of list) {
    const pass = encoder.beginComputePass({ timestampWrites: profiler.pass(dispatch.label) });
    encodeOne(pass, dispatch, sizes);
    pass.end();
  }
  profiler.resolve(encoder);
}

/** A dispatch after what has to run before it. */
function inOrder(dispatch: Dispatch): Dispatch[] {
  const list: Dispatch[] = [];
  for (let next: Dispatch | undefined = dispatch; next; next = next.before) list.push(next);
  return list.reverse();
}

function encodeOne(
  pass: GPUComputePassEncoder,
  { label, pipeline, bindGroup, workgroups }: Dispatch,
  sizes: BatchSizes,
): void {
  const [x, y, z] = workgroups(sizes);
  if (x > 65535 || y > 65535 || z > 65535) {
    throw new DeviceError(
      `${label}: ${x} x ${y} x ${z} workgroups; WebGPU allows 65535. Use smaller batches.`,
    );
  }
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(x, y, z);
}
