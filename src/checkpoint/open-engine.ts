/** A policy's weights, and the adapters on it, on the device that the configuration asks for. */

import type { Engine, EngineOptions, LoraShape } from '../engine/engine.ts';
import { ConfigError, DeviceError } from '../errors.ts';
import { readAdapter } from './adapter-folder.ts';
import type { PolicyFolder } from './folder.ts';
import { type FrozenChoice, frozenAs } from './frozen.ts';
import { openWeights } from './weight-files.ts';

/** Where an engine runs: `device` of a local model's settings. */
type DeviceChoice = 'auto' | 'webgpu' | 'reference';

/** `lora` left out: the adapters that the folder has, if any. */
export interface OpenEngineOptions extends Omit<EngineOptions, 'frozen'> {
  /**
   * `webgpu`: an adapter, or a `DeviceError` that says how to get one; `reference`: float64 on the CPU;
   * `auto`: webgpu where there is an adapter, otherwise the reference, which `onFallback` is told.
   */
  readonly device: DeviceChoice;
  readonly onFallback?: (reason: DeviceError) => void;
  /** How frozen weights are kept; `auto`, the default, so that nothing is lost. */
  readonly frozen?: FrozenChoice;
}

/**
 * An engine with the folder's weights, which are checked before anything is uploaded, and its adapters. With
 * `lora` on a folder without adapters these are 0, and change nothing, until the caller sets them. The caller
 * closes the engine. Throws `ConfigError` where the folder's adapters are not those asked for, and as
 * `openWeights` and `readAdapter`.
 */
export async function openEngine(
  policy: Pick<PolicyFolder, 'path' | 'config' | 'adapter'>,
  { device, onFallback = () => {}, frozen = 'auto', ...others }: OpenEngineOptions,
): Promise<Engine> {
  const { config, adapter } = policy;
  const lora = adaptersOf(policy, others.lora);
  const adapters = adapter && (await readAdapter(adapter.path, config));
  const weights = await openWeights(policy);
  try {
    const options: EngineOptions = { ...others, frozen: frozenAs(frozen, weights), lora };
    const engine = await onDevice(device, onFallback, {
      webgpu: async () =>
        (await import('../engine/webgpu/engine.ts')).createWebGpuEngine(config, weights, options),
      reference: async () =>
        (await import('../engine/reference/engine.ts')).createReferenceEngine(config, weights, options),
    });
    try {
      if (adapters) await engine.setWeights(adapters.tensors);
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
  device: DeviceChoice,
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

/**
 * The shape of the engine's adapters: what is asked for, which must be what the folder has, where it has any.
 */
function adaptersOf(
  { adapter, path }: Pick<PolicyFolder, 'path' | 'adapter'>,
  wanted: LoraShape | null | undefined,
): LoraShape | null {
  if (adapter === null || wanted === undefined) return wanted ?? adapter?.lora ?? null;
  if (wanted !== null && describe(wanted) === describe(adapter.lora)) return adapter.lora;
  throw new ConfigError(
    `${adapter.path}: expected ${wanted === null ? 'a policy without adapters' : describe(wanted)}, found ${describe(adapter.lora)} ` +
      `on ${path}. Train with the same adapters, begin with that policy, or merge them with PEFT (merge_and_unload).`,
  );
}

function describe({ rank, scale, targets }: LoraShape): string {
  return `adapters of rank ${rank} and scale ${Number(scale.toFixed(6))} on ${[...targets].sort().join(', ')}`;
}
