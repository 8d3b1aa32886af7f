/** Opens what the train stage trains: the policy's engine, what it began as, and how it is kept. */

import { openPolicy, type PolicyFolder } from '../checkpoint/folder.ts';
import { openEngine } from '../checkpoint/open-engine.ts';
import { openWeights, readWeights } from '../checkpoint/weight-files.ts';
import { hashSource, hashWeights } from '../checkpoint/weights-hash.ts';
import { tensorShapes } from '../engine/config.ts';
import type { Engine, Tensors } from '../engine/engine.ts';
import { initialAdapters } from '../engine/lora.ts';
import { ConfigError, type DeviceError } from '../errors.ts';
import type { LocalModelConfig } from '../models/local-model-config.ts';
import { adaptersOn, wholePolicy } from './checkpoint-form.ts';
import type { TrainConfig } from './config.ts';
import type { DurableTrainingDeps } from './durable-training.ts';
import { initialAdapterPolicy, initialEngine } from './initial-policy.ts';
import { loraShape } from './parameters.ts';

export interface LearnerOptions {
  readonly config: Pick<
    TrainConfig,
    'parameters' | 'recompute' | 'beta' | 'microBatchTokens' | 'maxRowTokens'
  >;
  /** The policy that training begins with. */
  readonly model: Pick<LocalModelConfig, 'checkpoint' | 'device'> &
    Partial<Pick<LocalModelConfig, 'precision' | 'matmul' | 'templateVariables'>>;
  /** The run's: decides the first values of fresh adapters. */
  readonly seed: number;
  readonly onFallback: (reason: DeviceError) => void;
}

export interface Learner
  extends Pick<DurableTrainingDeps, 'engine' | 'reset' | 'renderer' | 'initial' | 'form' | 'origins'> {
  close(): Promise<void>;
}

/**
 * Throws as `openPolicy` and `openEngine` do; `ConfigError` where the checkpoint is an adapter of another
 * shape.
 */
export async function openLearner({ config, model, seed, onFallback }: LearnerOptions): Promise<Learner> {
  const { parameters, recompute, beta, microBatchTokens, maxRowTokens } = config;
  const policy = await openPolicy(model.checkpoint, model);
  // A row that is longer than a micro-batch goes alone.
  const batchTokens = Math.max(microBatchTokens, Math.min(maxRowTokens, policy.config.maxPositions));
  const lora = loraShape(parameters);
  if (lora === null && policy.adapter !== null) throw adaptersFound(policy.adapter);
  const engines: Engine[] = [];
  const open = async (training: { readonly recompute?: boolean; readonly batchTokens?: number }) => {
    const frozen = parameters.kind === 'lora' ? parameters.frozen : 'f32';
    const settings = { lora, frozen, ...training };
    const { device, precision = 'f32', matmul = 'auto' } = model;
    const engine = await openEngine(policy, { device, precision, matmul, onFallback, ...settings });
    engines.push(engine);
    return engine;
  };
  const close = async () => {
    for (const engine of engines.splice(0)) await engine.close();
  };
  const { renderer } = policy;
  try {
    const engine = await open({ recompute, batchTokens });
    if (lora === null) {
      const initial = beta > 0 ? initialEngine(await open({})) : undefined;
      const reset = async () => restart(engine, await readWeights(policy));
      return { engine, reset, initial, renderer, form: wholePolicy(policy), close };
    }
    const fresh = policy.adapter === null;
    if (fresh) await engine.setWeights(initialAdapters(policy.config, lora, seed));
    const adapters = await engine.weights();
    const origins = {
      frozenWeights: await hashFrozen(policy),
      firstAdapters: hashWeights(adapters, engine.trainable),
    };
    const initial = initialAdapterPolicy(engine, adapters, { fresh });
    const reset = () => restart(engine, adapters);
    return { engine, reset, initial, renderer, form: adaptersOn(policy, lora), origins, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** These weights, and an optimizer that has made no update. */
async function restart(engine: Engine, weights: Tensors): Promise<void> {
  await engine.setWeights(weights);
  const zeros = (): Tensors =>
    new Map([...weights].map(([name, values]) => [name, new Float32Array(values.length)]));
  await engine.setOptimizer({ step: 0, m: zeros(), v: zeros() });
}

/**
 * Of the policy under the adapters: it is in no checkpoint, so a run that goes on must be sure that it is the
 * same.
 */
async function hashFrozen(policy: PolicyFolder): Promise<string> {
  const weights = await openWeights(policy);
  try {
    return await hashSource(weights, tensorShapes(policy.config));
  } finally {
    await weights.close();
  }
}

function adaptersFound({ path, lora }: NonNullable<PolicyFolder['adapter']>): ConfigError {
  const { rank, scale, targets } = lora;
  const alpha = Number((scale * rank).toPrecision(12));
  return new ConfigError(
    `${path} holds adapters, and every weight is to be trained. To train them on, set stages.train.parameters: ` +
      `{ kind: lora, rank: ${rank}, alpha: ${alpha}, targets: [${targets.join(', ')}] }; to train a whole policy, merge them with ` +
      'PEFT (merge_and_unload), or begin with the policy that they belong to',
  );
}
