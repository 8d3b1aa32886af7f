/** Takes down which kernels a piece of work launches, and with what, so that each can be run again alone. */
import type { Device } from '../../src/device/device.ts';
import { type Dispatch, type KernelCall, Kernels } from '../../src/policy/webgpu/kernels.ts';
import type { Launch } from './measure.ts';

export interface Recorded extends Launch {
  /** The kernel's file. */
  readonly name: string;
  /** Its `Call`. */
  readonly call: readonly number[];
}

const calls = new WeakMap<GPUBindGroup, { name: string; call: readonly number[] }>();

/** From now on every dispatch that is made is known by its bind group. Before engines are made. */
export function watchKernels(): void {
  const make = Kernels.prototype.dispatch;
  Kernels.prototype.dispatch = function (this: Kernels, name: string, call: KernelCall): Dispatch {
    const dispatch = make.call(this, name, call);
    calls.set(dispatch.bindGroup, { name, call: call.call ?? [] });
    return dispatch;
  };
}

/** Everything that is launched on the device while `work` runs, in order. */
export async function record(device: Device, work: () => Promise<unknown>): Promise<Recorded[]> {
  const launched: Recorded[] = [];
  const submit = device.submit;
  device.submit = (commands) =>
    submit.call(device, (encoder) => {
      const begin = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = (descriptor) => watched(begin(descriptor), launched);
      commands(encoder);
    });
  try {
    await work();
  } finally {
    device.submit = submit;
  }
  return launched;
}

function watched(pass: GPUComputePassEncoder, launched: Recorded[]): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline | undefined;
  let bindGroup: GPUBindGroup | undefined;
  const [setPipeline, setBindGroup, dispatch] = [
    pass.setPipeline.bind(pass),
    pass.setBindGroup.bind(pass),
    pass.dispatchWorkgroups.bind(pass),
  ];
  pass.setPipeline = (next) => {
    pipeline = next;
    setPipeline(next);
  };
  pass.setBindGroup = (index: number, group: GPUBindGroup | null | undefined) => {
    bindGroup = group ?? undefined;
    setBindGroup(index, group);
  };
  pass.dispatchWorkgroups = (x, y = 1, z = 1) => {
    const known = bindGroup && calls.get(bindGroup);
    if (pipeline && bindGroup && known) {
      launched.push({ ...known, pipeline, bindGroup, workgroups: [x, y, z] });
    }
    dispatch(x, y, z);
  };
  return pass;
}
