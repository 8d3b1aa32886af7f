/** Compiles the kernels of one decoder, each once per set of constants, and turns calls into dispatches. */
import { readFileSync } from 'node:fs';
import { type Binding, createUniform } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { DeviceError } from '../../errors.ts';

/** How much of a batch there is; workgroup counts follow from it. */
export interface BatchSizes {
  readonly tokens: number;
  readonly targets: number;
  /** Different tokens in the batch. */
  readonly segments: number;
  /** Chunks of tokens in the norms' gradients. */
  readonly chunks: number;
  readonly queryBlocks: number;
  readonly keyBlocks: number;
}

/** One kernel with its buffers; the workgroups depend on the batch at hand. */
export interface Dispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: (sizes: BatchSizes) => readonly [number, number, number];
}

export interface KernelCall {
  /** `override` constants. Each set of them is compiled anew, which can take seconds. */
  readonly constants?: Readonly<Record<string, number>>;
  /** The kernel's `Call`, by the order of its members; bound after `bindings`. */
  readonly call?: readonly number[];
  /** In the order of the kernel's bindings. */
  readonly bindings: readonly (GPUBuffer | Binding)[];
  /** Workgroups in x, y and z; 0 anywhere: nothing to do. */
  readonly workgroups: (sizes: BatchSizes) => readonly [number, number?, number?];
}

/** By device and by prefix. */
const made = new WeakMap<Device, Map<string, Kernels>>();

export class Kernels {
  readonly #device: Device;
  readonly #prefix: string;
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #calls = new Map<string, GPUBuffer>();

  /** The kernels of a device with this text before each: made once, with their pipelines. */
  static of(device: Device, prefix: string): Kernels {
    const known = made.get(device) ?? new Map<string, Kernels>();
    made.set(device, known);
    const kernels = known.get(prefix) ?? new Kernels(device, prefix);
    known.set(prefix, kernels);
    return kernels;
  }

  private constructor(device: Device, prefix: string) {
    this.#device = device;
    this.#prefix = prefix;
  }

  /** A call of `kernels/NAME.wgsl`, ready to be encoded again and again. */
  dispatch(name: string, call: KernelCall): Dispatch {
    const pipeline = this.#pipeline(name, call.constants ?? {});
    const bindings = call.call ? [...call.bindings, this.#callBuffer(call.call)] : call.bindings;
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

  #pipeline(name: string, constants: Readonly<Record<string, number>>): GPUComputePipeline {
    const key = `${name} ${JSON.stringify(constants)}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#device.gpu.createComputePipeline({
        label: key,
        layout: 'auto',
        compute: { module: this.#module(name), constants: { ...constants } },
      });
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  #module(name: string): GPUShaderModule {
    let module = this.#modules.get(name);
    if (!module) {
      const code = `${this.#prefix}\n${readFileSync(new URL(`../kernels/${name}.wgsl`, import.meta.url), 'utf8')}`;
      module = this.#device.gpu.createShaderModule({ label: name, code });
      this.#modules.set(name, module);
    }
    return module;
  }
}

/** Encodes dispatches in order, in one pass: WebGPU makes each see what the ones before it wrote. */
export function encode(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[], sizes: BatchSizes): void {
  const pass = encoder.beginComputePass();
  for (const { label, pipeline, bindGroup, workgroups } of dispatches) {
    const [x, y, z] = workgroups(sizes);
    if (x === 0 || y === 0 || z === 0) continue;
    if (x > 65535 || y > 65535 || z > 65535) {
      throw new DeviceError(
        `${label}: ${x} x ${y} x ${z} workgroups; WebGPU allows 65535. Use smaller batches.`,
      );
    }
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, y, z);
  }
  pass.end();
}
