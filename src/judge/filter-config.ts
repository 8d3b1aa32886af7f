/** The settings of the stage `filter`. */
import { z } from 'zod';

export const filterConfig = z.strictObject({
  mode: z
    .enum(['none', 'process', 'outcome', 'process+outcome'])
    .default('process')
    .describe(
      'What a trajectory must have to be trained on. process: every step GOOD (the best in the paper); outcome: the answer matches a gold answer; both; or none: everything passes.',
    ),
  unknown: z
    .enum(['reject', 'accept'])
    .default('reject')
    .describe(
      'Whether the process filter takes a step whose verdict is UNKNOWN for GOOD or leaves the trajectory out.',
    ),
});

export type FilterConfig = z.output<typeof filterConfig>;
