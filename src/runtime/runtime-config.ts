/** The settings of the runtime. */
import { z } from 'zod';
import { commitConfig } from './commit-config.ts';

export const runtimeConfig = z
  .strictObject({
    commit: commitConfig.prefault({}),
    drainCheckMs: z
      .number()
      .int()
      .min(1)
      .default(20)
      .describe('How often --until-drained looks whether all is done, in milliseconds.'),
    failuresHeld: z
      .number()
      .int()
      .min(1)
      .default(1_000_000)
      .describe(
        'How many names of failed records a replay holds, to read what was fed again once; with more it does not start. ' +
          'A replay of a topic that no failed stage reads, such as scored, holds none.',
      ),
    graceMs: z
      .number()
      .int()
      .min(0)
      .default(45_000)
      .describe(
        'After SIGTERM a run finishes and commits what is in flight for so long, whatever it waits for; then it stops at once, ' +
          'and loses nothing. Less than what gives the signal waits before it kills (containers: 60 s here).',
      ),
    waitNoticeMs: z
      .number()
      .int()
      .min(0)
      .default(10_000)
      .describe(
        'A call of an endpoint or a tool that has not been answered for so long is told, once for each of them, in milliseconds; 0: never.',
      ),
    remoteCheckMs: z
      .number()
      .int()
      .min(1)
      .default(250)
      .describe(
        'How often it asks the topics whether stages that run in other processes are done, in milliseconds.',
      ),
  })
  .describe('The runtime: when it commits, and how it waits.');

export type RuntimeConfig = z.output<typeof runtimeConfig>;
