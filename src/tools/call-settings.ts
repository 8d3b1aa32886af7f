/** What the settings of other people's tools have in common, to be spread into theirs. */
import { z } from 'zod';

/** How policies are told of such a tool; `elsewhere` says what does where nothing is set. */
export const toldSettings = (elsewhere: { readonly description: string; readonly example: string }) => ({
  description: z
    .string()
    .max(4000)
    .nullable()
    .default(null)
    .describe(`What policies are told of it; null: ${elsewhere.description}.`),
  example: z
    .string()
    .min(1)
    .max(1000)
    .nullable()
    .default(null)
    .describe(`What stands between the tags in the instructions; null: made from ${elsewhere.example}.`),
});

/** Whether results are kept. */
const cachedSetting = z
  .boolean()
  .nullable()
  .default(null)
  .describe(
    "Whether results are kept in the topology's `cache`, and shown again for the same call; null: as `pure`. Not for tools " +
      'that change something, remember what was called before, or answer otherwise tomorrow.',
  );

export const callSettings = {
  pure: z
    .boolean()
    .default(false)
    .describe(
      'The result depends on the argument alone and costs little: the judge `rules` may call it again.',
    ),
  cached: cachedSetting,
  concurrency: z.int().min(1).max(1024).default(8).describe('Most calls at once; others wait.'),
  maxArgumentChars: z.int().min(1).max(1_000_000).default(8000).describe('Longer arguments are refused.'),
  maxChars: z.int().min(1).max(1_000_000).default(4000).describe('Longer results are cut, and say so.'),
};
