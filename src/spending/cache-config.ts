/** Settings of the cache of answers. */
import { z } from 'zod';

export const cacheConfig = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe(
        'Whether what models behind endpoints answer is kept, and taken where the same is asked again. Tools say it ' +
          'themselves (`cached`).',
      ),
    folder: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'Where answers are kept, for all runs that name it; null: `.answers` in the folder of the runs.',
      ),
    maxBytes: z
      .int()
      .min(1_048_576)
      .max(2 ** 40)
      .default(8 * 2 ** 30)
      .describe('About the most bytes that it takes on the disk: then the oldest answers are dropped.'),
  })
  .describe(
    'Answers that were paid for, kept across runs: asked again by the same request they cost nothing.',
  );

export type CacheConfig = z.output<typeof cacheConfig>;
