/** A local language model of its own: an engine that only samples, closed with it. */
import type { LanguageModel } from '../agent/model.ts';
import { openPolicy } from '../checkpoint/folder.ts';
import { openEngine } from '../checkpoint/open-engine.ts';
import { hashEngine } from '../checkpoint/weights-hash.ts';
import type { DeviceError } from '../errors.ts';
import { LocalModel } from './local-model.ts';
import type { LocalModelConfig } from './local-model-config.ts';

/** Throws as `openPolicy` and `openEngine` do. */
export async function openLocalModel(
  config: LocalModelConfig,
  { seed, onFallback }: { readonly seed: number; readonly onFallback: (reason: DeviceError) => void },
): Promise<LanguageModel> {
  const policy = await openPolicy(config.checkpoint, config);
  const { device, precision, matmul, slots, contextTokens } = config;
  const sampling = { slots, maxLength: contextTokens };
  const engine = await openEngine(policy, {
    ...{ device, precision, matmul, onFallback, sampling, training: false },
  });
  try {
    const hash = await hashEngine(engine);
    const model = new LocalModel(config, { engine, policy, runSeed: seed, weightsHash: () => hash });
    return {
      name: model.name,
      thinking: model.thinking,
      complete: (request) => model.complete(request),
      close: async () => {
        await model.close();
        await engine.close();
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
