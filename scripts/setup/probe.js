/**
 * Asks Dawn for an adapter, runs one small kernel on it, and prints what it found as one line of JSON. A
 * process of its own: a driver that crashes takes this process with it and not the set-up.
 */
import { create, globals } from 'webgpu';

const count = 64;
const code = `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
  @compute @workgroup_size(${count}) fn main(@builtin(global_invocation_id) id: vec3u) {
    out[id.x] = sqrt(f32(id.x * id.x)) + 0.5;
  }`;

Object.assign(globalThis, globals);
const gpu = create([]);
// Dawn crashes when this object is collected before the process ends.
Reflect.set(globalThis, 'swirlProbe', gpu);

const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
console.log(JSON.stringify(adapter === null ? { found: false } : await tryOut(adapter)));
process.exit(0);

/** @param {GPUAdapter} adapter */
async function tryOut(adapter) {
  const device = await adapter.requestDevice();
  const size = 4 * count;
  const result = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const copy = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
  const entries = [{ binding: 0, resource: { buffer: result } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(result, 0, copy, 0, size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  const found = new Float32Array(copy.getMappedRange()).every((value, i) => Math.abs(value - i - 0.5) < 1e-3);
  const { vendor, architecture, device: id, description } = adapter.info;
  const name = description || [vendor, architecture, id].filter((part) => part !== '').join(' ');
  return found ? { found, name } : { found, why: `${name} gives wrong results` };
}
