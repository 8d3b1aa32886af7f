/** Settings of the stages that make trajectories. */
import { z } from 'zod';

/** A run's name: it becomes a folder's. */
const runName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/)
  .max(100);

export const startConfig = z.strictObject({
  rollouts: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(5)
    .describe('Trajectories per question (5 in the paper).'),
});

export type StartConfig = z.output<typeof startConfig>;

export const branchConfig = z.strictObject({
  rollouts: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(4)
    .describe('Trajectories that begin again at each context.'),
  of: runName
    .nullable()
    .default(null)
    .describe(
      'The run whose contexts they are; `swirl branch` writes it, so that `swirl trace` finds what they were.',
    ),
  contexts: z
    .number()
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe(
      'How many contexts `swirl branch` feeds: the run does not begin with fewer, as where that was ended in between. null: any.',
    ),
});

export type BranchConfig = z.output<typeof branchConfig>;
