/**
 * What an adapter can do at most, by kernels written for that alone: multiply-adds in registers, bytes moved,
 * and what a dispatch and a submit cost.
 */
import { createStorage, createUniform } from '../../src/device/buffers.ts';
import type { Device } from '../../src/device/device.ts';

/** A dispatch, as WebGPU takes it. */
interface Launch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

const ROUNDS = 7;
/**
 * Seconds of work in one submit: long against the cost of the submit and of the wait, short against Windows'
 * two seconds.
 */
const ROUND_SECONDS = 0.06;

/**
 * Seconds that one of these takes, many in one submit: the quickest of several rounds, because what else runs
 * only adds.
 */
async function secondsOf(device: Device, kind: string, launch: Launch): Promise<number> {
  return secondsOfCommands(device, kind, (encoder, times) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(launch.pipeline);
    pass.setBindGroup(0, launch.bindGroup);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(...launch.workgroups);
    pass.end();
  });
}

async function secondsOfCommands(
  device: Device,
  kind: string,
  record: (encoder: GPUCommandEncoder, times: number) => void,
): Promise<number> {
  const run = async (times: number) => {
    const started = performance.now();
    device.submit((encoder) => record(encoder, times));
    // Sleeps through most of it: the busy wait takes a core from a software adapter.
    await device.untilWorked({ kind: `${kind} x ${times}`, amount: 1 }, () =>
      device.gpu.queue.onSubmittedWorkDone(),
    );
    return (performance.now() - started) / 1000;
  };
  await run(1);
  let times = 1;
  let seconds = await run(1);
  while (seconds < ROUND_SECONDS / 2 && times < 4096) {
    times = Math.min(4096, Math.ceil(times * Math.min(8, (1.2 * ROUND_SECONDS) / seconds)));
    seconds = await run(times);
  }
  for (let round = 0; round < ROUNDS; round++) seconds = Math.min(seconds, await run(times));
  return seconds / times;
}

/**
 * One way to keep an adapter's multipliers busy: so many independent sums, of this WGSL type, added to by
 * `fma` or by `*` and `+`.
 */
interface FmaVariant {
  readonly sums: number;
  readonly type: 'f32' | 'vec4f';
  readonly fused: boolean;
}

/**
 * The best multiply-add rate found, in FLOP/s (two a multiply-add), and how. Numbers stay in registers
 * throughout.
 */
export async function multiplyAddRate(device: Device): Promise<{ flops: number; how: string }> {
  let best = { flops: 0, how: '' };
  for (const type of ['f32', 'vec4f'] as const) {
    for (const sums of [4, 8, 16]) {
      for (const fused of [false, true]) {
        const flops = await variantRate(device, { sums, type, fused });
        const how = `${sums} sums of ${type}, ${fused ? 'fma()' : 'a * b + c'}`;
        if (flops > best.flops) best = { flops, how };
      }
    }
  }
  return best;
}

async function variantRate(device: Device, { sums, type, fused }: FmaVariant): Promise<number> {
  const turns = 256;
  const repeats = 4;
  const lanes = type === 'f32' ? 1 : 4;
  const all = Array.from({ length: sums }, (_, i) => i);
  const step = (i: number) =>
    fused ? `s${i} = fma(s${i}, factor, term);` : `s${i} = s${i} * factor + term;`;
  const code = `
struct Call { turns: u32, factor: f32, term: f32 }
@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let factor = ${type}(call.factor);
  let term = ${type}(call.term);
  ${all.map((i) => `var s${i} = ${type}(f32(id.x + ${i}));`).join('\n  ')}
  for (var turn = 0u; turn < call.turns; turn++) {
    ${Array.from({ length: repeats }, () => all.map(step).join(' ')).join('\n    ')}
  }
  let sum = ${all.map((i) => `s${i}`).join(' + ')};
  out[id.x] = ${type === 'f32' ? 'sum' : 'sum.x + sum.y + sum.z + sum.w'};
}`;
  const invocations = device.adapter.software ? 1024 : 1 << 20;
  const call = createUniform(device, 'ceilings.call', 12);
  const bytes = new ArrayBuffer(12);
  new Uint32Array(bytes, 0, 1)[0] = turns;
  // Toward 1, so that sums neither overflow nor become tiny.
  new Float32Array(bytes, 4, 2).set([0.5, 0.5]);
  device.gpu.queue.writeBuffer(call, 0, bytes);
  const out = createStorage(device, 'ceilings.out', 4 * invocations);
  const launch = launchOf(device, code, [call, out], invocations / 64);
  const seconds = await secondsOf(device, `fma ${type} ${sums} ${fused}`, launch);
  call.destroy();
  out.destroy();
  device.sweep();
  return (2 * lanes * sums * repeats * turns * invocations) / seconds;
}

/**
 * A way to copy by a kernel: so many numbers at a time, and so many times a WGSL type in each invocation,
 * next to each other or apart.
 */
interface CopyVariant {
  readonly type: 'f32' | 'vec2f' | 'vec4f';
  readonly each: number;
  readonly apart: boolean;
}

/**
 * Bytes per second, read and written, of y = x for arrays of so many bytes: by the best kernel, and by
 * `copyBufferToBuffer`.
 */
export async function copyRates(
  device: Device,
  bytes: number,
): Promise<{ kernel: number; how: string; copy: number }> {
  const from = createStorage(device, 'ceilings.from', bytes);
  const to = createStorage(device, 'ceilings.to', bytes);
  let best = { kernel: 0, how: '' };
  for (const type of ['f32', 'vec2f', 'vec4f'] as const) {
    for (const each of [1, 4, 16]) {
      for (const apart of each === 1 ? [false] : [false, true]) {
        const launch = copyLaunch(device, from, to, { type, each, apart });
        const seconds = await secondsOf(device, `copy ${bytes} ${type} ${each} ${apart}`, launch);
        const kernel = (2 * bytes) / seconds;
        const how = `${each} ${type} an invocation${each === 1 ? '' : apart ? ', apart' : ', side by side'}`;
        if (kernel > best.kernel) best = { kernel, how };
      }
    }
  }
  const copy = await secondsOfCommands(device, `copyBufferToBuffer ${bytes}`, (encoder, times) => {
    for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
  });
  from.destroy();
  to.destroy();
  device.sweep();
  return { ...best, copy: (2 * bytes) / copy };
}

function copyLaunch(
  device: Device,
  from: GPUBuffer,
  to: GPUBuffer,
  { type, each, apart }: CopyVariant,
): Launch {
  const count = from.size / { f32: 4, vec2f: 8, vec4f: 16 }[type];
  const groups = Math.ceil(count / each / 64);
  const columns = Math.min(groups, 32768);
  const rows = Math.ceil(groups / columns);
  const first = apart ? 'i' : `i * ${each}`;
  const step = apart ? columns * rows * 64 : 1;
  const lines = Array.from(
    { length: each },
    (_, k) => `y[${first} + ${k * step}] = x[${first} + ${k * step}];`,
  );
  const code = `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> y: array<${type}>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * ${columns * 64} + id.x;
  ${lines.join('\n  ')}
}`;
  return launchOf(device, code, [from, to], columns, rows);
}

/** Seconds that a dispatch costs which does nothing, and a submit with one such and the wait for it. */
export async function overheads(device: Device): Promise<{ dispatch: number; submit: number }> {
  const out = createStorage(device, 'ceilings.out', 256);
  const code = `
@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  out[id.x] = id.x;
}`;
  const launch = launchOf(device, code, [out], 1);
  const dispatch = await secondsOf(device, 'nothing', launch);
  let submit = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 50; i++) {
    const started = performance.now();
    device.submit((encoder) => {
      const pass = encoder.beginComputePass();
      pass.setPipeline(launch.pipeline);
      pass.setBindGroup(0, launch.bindGroup);
      pass.dispatchWorkgroups(1);
      pass.end();
    });
    await device.until(device.gpu.queue.onSubmittedWorkDone());
    submit = Math.min(submit, (performance.now() - started) / 1000);
  }
  out.destroy();
  return { dispatch, submit };
}

function launchOf(device: Device, code: string, buffers: readonly GPUBuffer[], x: number, y = 1): Launch {
  const module = device.gpu.createShaderModule({ code });
  const pipeline = device.gpu.createComputePipeline({ layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const layout = pipeline.getBindGroupLayout(0);
  return {
    pipeline,
    bindGroup: device.gpu.createBindGroup({ layout, entries }),
    workgroups: [x, y, 1],
  };
}
