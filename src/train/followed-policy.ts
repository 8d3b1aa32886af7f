/** The policy of rollouts that follow the training: this run's checkpoints, taken over as they appear. */

import { openPolicy } from '../checkpoint/folder.ts';
import { openEngine } from '../checkpoint/open-engine.ts';
import { hashEngine } from '../checkpoint/weights-hash.ts';
import { sleep } from '../clock.ts';
import { initialAdapters } from '../engine/lora.ts';
import type { DeviceError } from '../errors.ts';
import { type FollowConfig, FollowingModel } from '../models/following-model.ts';
import { LocalModel } from '../models/local-model.ts';
import type { LocalModelConfig } from '../models/local-model-config.ts';
import { Checkpoints } from './checkpoint.ts';
import { adaptersOn, wholePolicy } from './checkpoint-form.ts';
import type { TrainConfig } from './config.ts';
import { loraShape } from './parameters.ts';

export interface FollowedPolicyOptions {
  readonly follow: FollowConfig;
  readonly model: LocalModelConfig;
  /** What is trained decides what a checkpoint holds. */
  readonly parameters: TrainConfig['parameters'];
  readonly runSeed: number;
  /** The folder of the run's checkpoints. */
  readonly checkpoints: string;
  /** The step of the newest update in `updates`. */
  readonly published: (signal: AbortSignal) => Promise<number>;
  readonly onFallback: (reason: DeviceError) => void;
  readonly notify: (message: string) => void;
}

/** Opens the policy as training begins with it. Throws as `openPolicy` and `openEngine` do. */
export async function followedPolicy(options: FollowedPolicyOptions): Promise<FollowingModel> {
  const { model, parameters, runSeed, onFallback } = options;
  const policy = await openPolicy(model.checkpoint, model);
  const lora = loraShape(parameters);
  const engine = await openEngine(policy, {
    ...{ device: model.device, precision: model.precision, matmul: model.matmul, onFallback, lora },
    frozen: parameters.kind === 'lora' ? parameters.frozen : 'f32',
    sampling: { slots: model.slots, maxLength: model.contextTokens },
  });
  try {
    if (lora && policy.adapter === null)
      await engine.setWeights(initialAdapters(policy.config, lora, runSeed));
    const first = { step: 0, hash: await hashEngine(engine) };
    const form = lora ? adaptersOn(policy, lora) : wholePolicy(policy);
    const checkpoints = new Checkpoints(options.checkpoints, form);
    const local = new LocalModel(model, { engine, policy, runSeed, weightsHash: () => first.hash });
    return await FollowingModel.open(options.follow, {
      model: {
        name: local.name,
        complete: (request) => local.complete(request),
        close: async () => {
          await local.close();
          await engine.close();
        },
      },
      ...{ engine, first, published: options.published, sleep, notify: options.notify },
      newest: async () => (await checkpoints.steps()).at(-1) ?? null,
      read: (step) => checkpoints.readWeights(step),
    });
  } catch (error) {
    await engine.close();
    throw error;
  }
}
