import { expect, test } from '@jest/globals';
import { Device } from '../../src/device/device.ts';
import type { EngineOptions } from '../../src/policy/engine.ts';
import { createWebGpuEngine } from '../../src/policy/webgpu-engine.ts';
import { onDevice } from '../device/on-device.ts';
import { engineContract } from './engine-contract.ts';
import { largestError, loadAdapterFixture } from './fixtures.ts';

onDevice('the WebGPU engine with the kernels for GPUs', () => {
  engineContract('webgpu', (config, weights, options) =>
    createWebGpuEngine(config, weights, { ...options, products: 'workgroup' }),
  );

  test('f16 changes what is frozen in bf16, by a rounding, and nothing else', async () => {
    if (!(await Device.shared()).has('shader-f16')) return;
    const fixture = await loadAdapterFixture('qwen2-lora');
    const logprobs = async (options: EngineOptions) => {
      const engine = await createWebGpuEngine(fixture.config, fixture.weights, {
        ...{ ...options, lora: fixture.lora, products: 'workgroup' },
      });
      try {
        await engine.setWeights(fixture.adapters);
        return await engine.forward(fixture.rows);
      } finally {
        await engine.close();
      }
    };
    expect(await logprobs({ frozen: 'f32', precision: 'f16' })).toEqual(await logprobs({ frozen: 'f32' }));
    const exact = await logprobs({ frozen: 'bf16' });
    const rounded = await logprobs({ frozen: 'bf16', precision: 'f16' });
    expect(rounded).not.toEqual(exact);
    expect(largestError(rounded, exact)).toBeLessThan(0.02);
  });
});
