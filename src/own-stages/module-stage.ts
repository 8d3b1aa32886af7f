/** The stage `module`: an RxJS operator of the user's own. */
import { z } from 'zod';
import type { ModuleContext } from '../modules/call-module.ts';
import { moduleSettings } from '../modules/module-settings.ts';
import { kind } from '../parts/kind.ts';
import type { OwnPart } from './own-part.ts';

export const moduleStage = kind({
  name: 'module',
  about: "A stage of one's own, in a module.",
  settings: moduleSettings.extend({
    over: z
      .enum(['record', 'partition'])
      .nullable()
      .default(null)
      .describe(
        'record: the operator is applied to each record alone, and may wait. partition: to the stream of a whole partition; it answers at once, and may keep a state, which is built again after a restart. null: as the module says; record for a plain function.',
      ),
    maxOutputs: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1000)
      .describe('Most records that it may write for one that it reads.'),
    lookback: z
      .int()
      .min(0)
      .nullable()
      .default(null)
      .describe(
        'Over a partition: from how many of the last records its state is built again; null: from all that there are.',
      ),
    maxRebuilds: z
      .int()
      .min(0)
      .max(10_000)
      .default(16)
      .describe(
        'Over a partition: at how many records it may throw; each is a failure, and its state is built again without it. One more stops the run.',
      ),
  }),
  make: async (config, context: ModuleContext): Promise<OwnPart> => {
    const { openOwnPart } = await import('./own-part.ts');
    return openOwnPart(config, context);
  },
});
