/** A policy's weights on the device that the configuration asks for. */
import { DeviceError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { type PolicyFolder, readWeights } from './folder.ts';
import type { LocalModelConfig } from './local-model-config.ts';

/**
 * `webgpu`: an adapter, or a `DeviceError` that says how to get one; `reference`: float64 on the CPU; `auto`: webgpu where
 * there is an adapter, otherwise the reference, which `onFallback` is told. The caller closes the engine.
 */
export async function openEngine(
  policy: PolicyFolder,
  device: LocalModelConfig['device'],
  onFallback: (reason: DeviceError) => void = () => {},
): Promise<Engine> {
  const weights = await readWeights(policy);
  if (device !== 'reference') {
    try {
      const { createWebGpuEngine } = await import('./webgpu-engine.ts');
      return await createWebGpuEngine(policy.config, weights);
    } catch (error) {
      if (device === 'webgpu' || !(error instanceof DeviceError)) throw error;
      onFallback(error);
    }
  }
  const { createReferenceEngine } = await import('./reference.ts');
  return createReferenceEngine(policy.config, weights);
}
