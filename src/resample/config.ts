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
});

export type ResampleConfig = z.output<typeof resampleConfig>;
