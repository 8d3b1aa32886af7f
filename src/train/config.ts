/** The train stage's settings. */
import { z } from 'zod';
import { moduleAdvantage } from '../modules/module-advantage.ts';
import { parametersConfig } from './parameters.ts';

const batchConfig = z
  .union([
    z.strictObject({ trajectories: z.number().int().min(1).describe('Trajectories in a batch.') }),
    z.strictObject({
      subTrajectories: z
        .number()
        .int()
        .min(1)
        .describe(
          'Sub-trajectories in a batch. 1: every one is an update of its own. More: at least so many, as the trajectory ' +
            'that reaches the number is taken whole.',
        ),
    }),
  ])
  .describe('When a batch is full. Batches are cut between trajectories, by the order of `scored` alone.');

const learningRate = z.number().positive().describe('The learning rate after the warm-up.');
const warmupSteps = z
  .number()
  .int()
  .min(0)
  .default(0)
  .describe('Updates over which the learning rate rises linearly to its full value.');

const decaying = {
  learningRate,
  warmupSteps,
  totalSteps: z
    .number()
    .int()
    .min(1)
    .describe('Over how many updates it decays: the last of them still moves the weights.'),
  end: z
    .enum(['after', 'at'])
    .default('after')
    .describe(
      'Whether the final rate is that `after` the last of `totalSteps` updates, or of that update itself (`at`: as in runs ' +
        'made before this key, which replay to their weights with it).',
    ),
  finalLearningRate: z.number().min(0).default(0).describe('The learning rate after `totalSteps` updates.'),
};

export const scheduleConfig = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('constant'), learningRate, warmupSteps }),
    z.strictObject({ kind: z.literal('cosine'), ...decaying }),
    z.strictObject({ kind: z.literal('linear'), ...decaying }),
  ])
  .describe('The learning rate of each update.');

export type ScheduleConfig = z.output<typeof scheduleConfig>;

const clipRatioConfig = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('clipped'),
      epsilon: z
        .number()
        .positive()
        .max(1)
        .default(0.2)
        .describe('The ratio counts between 1 - epsilon and 1 + epsilon.'),
    }),
    z.strictObject({
      kind: z.literal('truncated'),
      max: z.number().positive().default(2).describe('The largest ratio; larger ones count as this.'),
    }),
  ])
  .describe(
    'Weigh each token by pi(token) / recorded probability: `clipped` as in PPO (arXiv 1707.06347), or `truncated` ' +
      'importance weights that carry no gradient of their own. Needs actions with recorded logprobs, ' +
      'sampled at a temperature above 0.',
  );

const optimizerConfig = z.strictObject({
  kind: z.literal('adamw').default('adamw').describe('AdamW with decoupled weight decay (arXiv 1711.05101).'),
  beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the first moment.'),
  beta2: z.number().min(0).lt(1).default(0.99).describe('Decay of the second moment.'),
  epsilon: z.number().positive().default(1e-8).describe('Added to the root of the second moment.'),
  weightDecay: z
    .number()
    .min(0)
    .default(0)
    .describe('Share of a weight taken off per update and unit of learning rate.'),
});

/** One optimizer step: what the Trainer needs, with or without a run. */
const updateSettings = {
  microBatchTokens: z
    .number()
    .int()
    .min(2)
    .default(4096)
    .describe(
      'Most tokens in one forward and backward pass; a longer row goes alone. A batch with more is cut, and its gradients are accumulated. ' +
        'Bounds memory; the result does not depend on it beyond rounding.',
    ),
  maxRowTokens: z
    .number()
    .int()
    .min(2)
    .default(2048)
    .describe(
      "Longest context with its action, in tokens; the policy's own limit holds too. Longer steps go to `failures`, never cut.",
    ),
  advantage: z
    .union([
      z.enum(['reward', 'centered', 'leave-one-out']),
      moduleAdvantage.settings.extend({ kind: z.literal('module').describe(moduleAdvantage.about) }),
    ])
    .default('reward')
    .describe(
      '`reward`: A = R. `centered`: minus the mean of the batch; on recorded actions that needs `beta` or `clipRatio`. `leave-one-out`: minus the mean of the other actions at the same context, which the stage `resample` draws.',
    ),
  normalize: z
    .enum(['sub-trajectories', 'action-tokens'])
    .default('sub-trajectories')
    .describe('What the objective is divided by, counted over the whole batch.'),
  beta: z
    .number()
    .min(0)
    .default(0)
    .describe(
      'Weight of the KL penalty toward the initial policy. 0: none. With `full` parameters the initial policy is kept beside the ' +
        'trained one; with `lora` it is the frozen weights themselves.',
    ),
  clipRatio: clipRatioConfig.nullable().default(null),
  clipNorm: z
    .number()
    .positive()
    .nullable()
    .default(1)
    .describe('Largest global norm of the gradient; null: no clipping.'),
  optimizer: optimizerConfig.prefault({}),
  stepLogprobs: z
    .enum(['none', 'before', 'both'])
    .default('before')
    .describe(
      'What an update records of each step that it learned from: the mean logprob of its tokens `before` the update; `both`: after it too, ' +
        'for which the batch goes forward once more; or `none`. Changes no weight.',
    ),
  schedule: scheduleConfig.default({ kind: 'constant', learningRate: 1e-4, warmupSteps: 0 }),
};

export const updateConfig = z.strictObject(updateSettings);

export type UpdateConfig = z.output<typeof updateConfig>;

export const trainConfig = z
  .strictObject({
    batch: batchConfig.default({ subTrajectories: 32 }),
    parameters: parametersConfig.default({ kind: 'full' }),
    recompute: z
      .boolean()
      .default(false)
      .describe(
        'Keep only what goes from layer to layer in the forward pass, and compute the rest again in the backward pass: a third ' +
          'more work for a fraction of the memory. Changes no result.',
      ),
    ...updateSettings,
    epochs: z
      .number()
      .int()
      .min(1)
      .default(1)
      .describe('Passes over `scored`: the first as records arrive, the others once it is drained.'),
    checkpointEvery: z
      .number()
      .int()
      .min(1)
      .default(10)
      .describe('Updates between checkpoints. Records are committed with the checkpoint that covers them.'),
    keepCheckpoints: z
      .number()
      .int()
      .min(1)
      .default(3)
      .describe('How many of the newest checkpoints are kept.'),
    keepEvery: z
      .number()
      .int()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'Keep also the first checkpoint at or after each multiple of this many updates, for good; null: none.',
      ),
    hashEvery: z
      .number()
      .int()
      .min(1)
      .default(1)
      .describe(
        'Hash the weights every N updates (reads them back from the device); other updates have an empty hash.',
      ),
    maxDropped: z
      .number()
      .int()
      .min(1)
      .default(64)
      .describe(
        'A batch that has dropped this many records is trained as it is: duplicates cannot fill the window.',
      ),
    recentIds: z
      .number()
      .int()
      .min(1)
      .default(10_000)
      .describe('How many of the last used ids are remembered: a record that bears one of them is dropped.'),
  })
  .describe('The train stage: scored steps become updates of the policy.');

export type TrainConfig = z.output<typeof trainConfig>;

/**
 * Whether negative advantages would act on recorded actions with nothing to hold the policy (ARCHITECTURE.md,
 * "The objective").
 */
export function mayCollapse(config: Pick<TrainConfig, 'advantage' | 'beta' | 'clipRatio'>): boolean {
  const isCentered = config.advantage === 'centered' || config.advantage === 'leave-one-out';
  return isCentered && config.beta === 0 && config.clipRatio === null;
}
