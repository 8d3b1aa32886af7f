import { createWebGpuEngine } from '../../src/policy/webgpu-engine.ts';
import { engineContract } from './engine-contract.ts';

engineContract('webgpu', createWebGpuEngine);
