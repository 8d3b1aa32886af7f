import { describe } from '@jest/globals';
import { findAdapter } from '../../src/device/adapter.ts';
import { createWebGpuEngine } from '../../src/policy/webgpu-engine.ts';
import { engineContract } from './engine-contract.ts';

/** Why there is nothing to test here. With CI=true it does not come to this: scripts/test.js fails first. */
const missing = await findAdapter().then(
  () => null,
  (error: Error) => error.message,
);
if (missing === null) engineContract('webgpu', createWebGpuEngine);
else describe.skip(`[skipped: ${missing}]`, () => engineContract('webgpu', createWebGpuEngine));
