/** When finished records are committed. */
import { z } from 'zod';

export const commitConfig = z
  .strictObject({
    records: z.number().int().min(1).default(256).describe('Commit when this many records are finished.'),
    ms: z
      .number()
      .int()
      .min(1)
      .default(50)
      .describe('Commit when the oldest finished record has waited this long.'),
  })
  .describe(
    'A commit is one durable transaction (about 4 ms on a common disk): this bounds how many records share it.',
  );

export type CommitConfig = z.output<typeof commitConfig>;
