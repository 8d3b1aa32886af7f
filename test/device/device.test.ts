import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { adviceWithoutAdapter, describeAdapter, findAdapter } from '../../src/device/adapter.ts';
import { Buffers, createStorage, Readback } from '../../src/device/buffers.ts';
import { Device } from '../../src/device/device.ts';
import { DeviceError } from '../../src/errors.ts';
import { isCollected } from '../collected.ts';
import { onDevice } from './on-device.ts';

test('where there is no adapter, the advice names what to install', () => {
  expect(adviceWithoutAdapter()).toMatch(/Expected a WebGPU adapter, found none.*(driver|Vulkan)/);
});

onDevice('a device', () => {
  let device: Device;
  let readback: Readback;
  beforeAll(async () => {
    device = await Device.shared();
    readback = new Readback(device);
  });
  afterAll(() => readback.destroy());

  test('its adapter is described with the limits that the device was opened with', async () => {
    const description = describeAdapter(await findAdapter());
    expect(description).toEqual(device.adapter);
    expect(description.name).not.toBe('');
    expect(device.gpu.limits.maxStorageBufferBindingSize).toBe(description.largestBinding);
    expect(device.gpu.limits.maxComputeWorkgroupStorageSize).toBe(description.workgroupStorage);
  });

  test('what is written comes back, from any offset, larger than the staging buffer was', async () => {
    const numbers = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i));
    const buffer = createStorage(device, 'test', numbers.byteLength);
    device.gpu.queue.writeBuffer(buffer, 0, numbers);
    const read = async (offset: number, bytes: number) =>
      new Float32Array(await readback.read(buffer, { offset, bytes }));
    expect(await read(16, 64)).toEqual(numbers.slice(4, 20));
    expect(await read(0, numbers.byteLength)).toEqual(numbers);
    expect(await read(0, 0)).toHaveLength(0);
    buffer.destroy();
  });

  test('a buffer that the adapter cannot bind is refused with its size', () => {
    const sizes = new Map([['big', device.adapter.largestBinding + 16]]);
    expect(() => new Buffers(device, 'test', sizes)).toThrow(DeviceError);
    expect(() => new Buffers(device, 'test', sizes)).toThrow(/test\.big needs \d+ bytes/);
  });

  test('waiting ends with the result, slow or quick', async () => {
    for (let i = 0; i < 3; i++) {
      const work = { kind: 'test', amount: 1 };
      const started = new Promise<number>((resolve) => setTimeout(() => resolve(i), 5));
      expect(await device.untilWorked(work, () => started)).toBe(i);
    }
  });

  test('nothing of what a wait gave is kept', async () => {
    expect(await isCollected((made) => device.until(made))).toBe(true);
  });

  // Last: it breaks the device, and the next engine gets another.
  test('an error that nobody captured is fatal from then on, and the next device is a new one', async () => {
    const shader = device.gpu.createShaderModule({ code: 'this is no WGSL' });
    expect(() => device.check()).toThrow(DeviceError);
    expect(() => device.submit(() => {})).toThrow(/WGSL/);
    await expect(device.until(Promise.resolve())).rejects.toThrow(DeviceError);
    expect(shader).toBeDefined();
    const next = await Device.shared();
    expect(next).not.toBe(device);
    next.check();
  });
});
