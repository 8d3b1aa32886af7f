/** What the settings of other people's tools have in common, to be spread into theirs. */
import { z } from 'zod';

export const callSettings = {
  pure: z
    .boolean()
    .default(false)
    .describe(
      'The result depends on the argument alone and costs little: the judge `rules` may call it again.',
    ),
  concurrency: z.int().min(1).max(1024).default(8).describe('Most calls at once; others wait.'),
  maxArgumentChars: z.int().min(1).max(1_000_000).default(8000).describe('Longer arguments are refused.'),
  maxChars: z.int().min(1).max(1_000_000).default(4000).describe('Longer results are cut, and say so.'),
};
