import { createWebGpuEngine } from '../../src/policy/webgpu-engine.ts';
import { onDevice } from '../device/on-device.ts';
import { engineContract } from './engine-contract.ts';

onDevice('the WebGPU engine with the kernels for GPUs', () => {
  engineContract('webgpu', (config, weights, options) =>
    createWebGpuEngine(config, weights, { ...options, products: 'workgroup' }),
  );
});
