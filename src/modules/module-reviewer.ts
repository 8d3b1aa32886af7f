/** What judges and rewards of one's own share: each says something of a step, and may say why. */
import type { z } from 'zod';
import type { PartCalls } from '../parts/define.ts';
import { kind } from '../parts/kind.ts';
import { type ModuleContext, type ModulePart, openModulePart } from './call-module.ts';
import { reviewerSettings } from './module-settings.ts';

/** The settings of one that a program hands over. */
export const givenReviewer = reviewerSettings.pick({ timeoutMs: true, maxRationaleChars: true });
export type ReviewerSettings = z.output<typeof givenReviewer>;

/** The kind `module` of judges or of rewards, of which `of` makes one of the user's function. */
export function reviewerKind<Name extends 'judge' | 'reward', Part>(
  part: Name,
  about: string,
  of: (made: ModulePart<PartCalls[Name]>, settings: ReviewerSettings) => Part,
) {
  return kind({
    name: 'module',
    about,
    settings: reviewerSettings,
    make: async (config, context: ModuleContext): Promise<Part> =>
      of(await openModulePart(part, config, context), config),
  });
}
