/** The matcher `module`: a function of the user's compares answers with gold answers. */
import { z } from 'zod';
import type { Matcher } from '../agent/matcher.ts';
import { ModelError } from '../errors.ts';
import { kind } from '../parts/kind.ts';
import { callModule, type ModuleContext, openModulePart, shown } from './call-module.ts';
import { moduleSettings } from './module-settings.ts';

export const moduleMatcher = kind({
  name: 'module',
  about: "A matcher of one's own, in a module.",
  settings: moduleSettings.extend({
    concurrency: z
      .int()
      .min(1)
      .max(10_000)
      .default(16)
      .describe(
        'Most answers that an evaluation has compared at once; a run has as many as the filter holds.',
      ),
  }),
  make: async (config, context: ModuleContext): Promise<Matcher> => {
    const { call, origin, where, close } = await openModulePart('matcher', config, context);
    const { timeoutMs, concurrency } = config;
    return {
      by: origin,
      concurrency,
      close,
      matches: async ({ answer, golds, question }, { signal }) => {
        const about = `the answer to ${question.id}`;
        // Copies: what a module changes in its record must not be recorded.
        const given = structuredClone({ golds, question });
        const compare = (end: AbortSignal) => call(answer, given.golds, given.question, { signal: end });
        const matches: unknown = await callModule(compare, { where, about, timeoutMs, signal });
        if (typeof matches === 'boolean') return matches;
        throw new ModelError(`${where} gave ${about} neither true nor false: found ${shown(matches)}`);
      },
    };
  },
});
