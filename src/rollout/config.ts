/** Settings of the stages that make trajectories. */
import { z } from 'zod';

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
