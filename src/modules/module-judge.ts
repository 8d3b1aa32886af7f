/** The judge `module`: a function of the user's says of each step whether it is good. */
import { z } from 'zod';
import { cutMiddle } from '../agent/cut-text.ts';
import type { Judge } from '../agent/model.ts';
import { ModelError } from '../errors.ts';
import type { JudgeCall } from '../parts/calls.ts';
import { kind } from '../parts/kind.ts';
import type { VerdictLabel } from '../topics/records.generated.ts';
import {
  callModule,
  type ModuleContext,
  type ModulePart,
  openModulePart,
  readGiven,
  shown,
} from './call-module.ts';
import { moduleSettings } from './module-settings.ts';

export const moduleJudge = kind({
  name: 'module',
  about: "A judge of one's own, in a module.",
  settings: moduleSettings.extend({
    maxRationaleChars: z.int().min(100).default(4000).describe('Longer explanations lose their middle.'),
  }),
  make: async (config, context: ModuleContext): Promise<Judge> =>
    judgeOf(await openModulePart('judge', config, context), config),
});

/** The settings of one that a program hands over. */
export const givenJudge = moduleJudge.settings.pick({ timeoutMs: true, maxRationaleChars: true });

/** A judge of the user's function. */
export function judgeOf(
  { call, origin, name, where, close }: ModulePart<JudgeCall>,
  { timeoutMs, maxRationaleChars }: z.output<typeof givenJudge>,
): Judge {
  return {
    name,
    close,
    judge: async (step, { signal }) => {
      const place = { where, about: step.id, timeoutMs, signal };
      // A copy: what a module changes in its record must not be recorded.
      const given = structuredClone(step);
      const answer: unknown = await callModule((end) => call(given, { signal: end }), place);
      const found = readGiven(() => verdictIn(answer), place);
      if (found === null) {
        throw new ModelError(
          `${where} gave ${step.id} no verdict: expected GOOD, BAD, UNKNOWN, true, false or { label, rationale }, found ${shown(answer)}`,
        );
      }
      const rationale = cutMiddle(found.rationale, maxRationaleChars);
      return { label: found.label, rationale, judge: name, votes: [], by: origin };
    },
  };
}

function verdictIn(answer: unknown): { readonly label: VerdictLabel; readonly rationale: string } | null {
  if (typeof answer !== 'object' || answer === null) {
    const label = labelIn(answer);
    return label === null ? null : { label, rationale: '' };
  }
  const { label: said, rationale = '' } = answer as { label?: unknown; rationale?: unknown };
  const label = labelIn(said);
  return label === null || typeof rationale !== 'string' ? null : { label, rationale };
}

function labelIn(value: unknown): VerdictLabel | null {
  if (typeof value === 'boolean') return value ? 'GOOD' : 'BAD';
  return value === 'GOOD' || value === 'BAD' || value === 'UNKNOWN' ? value : null;
}
