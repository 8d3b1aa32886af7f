/** A policy's weights on the device that the configuration asks for. */
import { DeviceError } from '../errors.ts';
import { readAdapter } from './adapter-folder.ts';
import type { Engine, EngineOptions } from './engine.ts';
import type { PolicyFolder } from './folder.ts';
import type { LocalModelConfig } from './local-model-config.ts';
import { openWeights } from './weight-files.ts';

export interface OpenEngineOptions extends Omit<EngineOptions, 'frozen'> {
  /** auto: bf16 where the folder has nothing else. */
  readonly frozen?: 'auto' | 'f32' | 'bf16';
}

/**
 * `webgpu`: an adapter, or a `DeviceError` that says how to get one; `reference`: float64 on the CPU; `auto`: webgpu where
 * there is an adapter, otherwise the reference, which `onFallback` is told. A folder of adapters is opened with them, on
 * its base; `lora` must then be their shape, and is by default. The caller closes the engine.
 */
export async function openEngine(
  policy: PolicyFolder,
  device: LocalModelConfig['device'],
  onFallback: (reason: DeviceError) => void = () => {},
  { frozen = 'auto', ...others }: OpenEngineOptions = {},
): Promise<Engine> {
  const { config, adapter } = policy;
  const weights = await openWeights(policy);
  try {
    const exact = weights.dtypes.size === 1 && weights.dtypes.has('BF16') ? 'bf16' : 'f32';
    const options: EngineOptions = {
      lora: adapter?.lora ?? null,
      frozen: frozen === 'auto' ? exact : frozen,
      ...others,
    };
    const engine = await onDevice(device, onFallback, {
      webgpu: async () => (await import('./webgpu-engine.ts')).createWebGpuEngine(config, weights, options),
      reference: async () => (await import('./reference.ts')).createReferenceEngine(config, weights, options),
    });
    if (adapter === null) return engine;
    try {
      await engine.setWeights((await readAdapter(adapter.path, config)).tensors);
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  } finally {
    await weights.close();
  }
}

async function onDevice(
  device: LocalModelConfig['device'],
  onFallback: (reason: DeviceError) => void,
  open: Readonly<Record<'webgpu' | 'reference', () => Promise<Engine>>>,
): Promise<Engine> {
  if (device === 'reference') return open.reference();
  try {
    return await open.webgpu();
  } catch (error) {
    if (device === 'webgpu' || !(error instanceof DeviceError)) throw error;
    onFallback(error);
    return open.reference();
  }
}
