/** The settings of the stage `resample`. */
import { z } from 'zod';
import { followConfig } from '../models/following-model.ts';

export const resampleConfig = z.strictObject({
  actions: z
    .number()
    .int()
    .min(1)
    .max(256)
    .default(4)
    .describe('Fresh actions at each recorded context. Together they are the group of `leave-one-out`.'),
  follow: followConfig
    .nullable()
    .default(null)
    .describe(
      'null: actions are drawn from the policy as it was when the run began. Otherwise it is taken from the checkpoints of this run, whatever `rollout` does: the objective of the paper, actions of the current policy at recorded contexts.',
    ),
  maxAhead: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .nullable()
    .default(null)
    .describe(
      'With `follow`: it takes up no further context while so many fresh actions are not yet rewarded and trained on, as far as ' +
        'checkpoints have it. null: as many as the windows of the stages after it hold; with fewer, training might wait for ' +
        'more for ever. To stay close to the training make the window of `train` small.',
    ),
});

export type ResampleConfig = z.output<typeof resampleConfig>;
