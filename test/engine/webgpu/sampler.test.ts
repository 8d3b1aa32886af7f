import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { onDevice } from '../../device/on-device.ts';
import { samplerContract } from '../sampler-contract.ts';

onDevice('the WebGPU sampler', () => {
  samplerContract('webgpu', createWebGpuEngine);
});
