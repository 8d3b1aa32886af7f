/** The settings of the stage `tools`. */
import { z } from 'zod';

export const toolsConfig = z.strictObject({
  timeoutMs: z
    .number()
    .int()
    .min(1)
    .default(30_000)
    .describe(
      'A tool that has not answered by then is given up, whatever its own limits are: the observation says so.',
    ),
  maxObservationChars: z
    .number()
    .int()
    .min(1)
    .default(20_000)
    .describe('Longer observations are cut, and say so.'),
});

export type ToolsConfig = z.output<typeof toolsConfig>;
