/** Alarms of a topology: conditions over what flows lately, in the words of `--where`. */
import { z } from 'zod';

const alarmConfig = z.strictObject({
  when: z
    .string()
    .min(1)
    .max(1000)
    .describe(
      'A condition as of `swirl tap --where`, over `share.GOOD`, `.BAD`, `.UNKNOWN` (of verdicts), `share.failed` (of records), ' +
        '`share.empty` (of batches: nothing to learn from), `mean`, `min` and `max` of a measure of updates (`max.gradNorm`), `lag.STAGE` (records that wait).',
    ),
  over: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(100)
    .describe(
      'Of how many of the newest verdicts, records, batches or updates; before there are so many it is silent.',
    ),
  do: z
    .enum(['warn', 'stop'])
    .default('warn')
    .describe(
      'Say it; or stop the run too, as SIGTERM does: what is committed is kept, and the next run goes on.',
    ),
});

export type AlarmConfig = z.output<typeof alarmConfig>;

export const alarmsConfig = z
  .array(alarmConfig)
  .max(32)
  .default([])
  .describe('Conditions that warn, or stop the run.');
