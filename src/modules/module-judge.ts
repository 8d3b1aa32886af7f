/** The judge `module`: a function of the user's says of each step whether it is good. */
import { cutMiddle } from '../agent/cut-text.ts';
import type { Judge } from '../agent/model.ts';
import type { JudgeCall } from '../parts/calls.ts';
import type { VerdictLabel } from '../topics/records.generated.ts';
import { askModule, type ModulePart } from './call-module.ts';
import { type ReviewerSettings, reviewerKind } from './module-reviewer.ts';

export const moduleJudge = reviewerKind('judge', "A judge of one's own, in a module.", judgeOf);

/** A judge of the user's function. */
export function judgeOf(
  { call, origin, name, where, close }: ModulePart<JudgeCall>,
  { timeoutMs, maxRationaleChars }: ReviewerSettings,
): Judge {
  const otherwise = 'no verdict: expected GOOD, BAD, UNKNOWN, true, false or { label, rationale }';
  return {
    name,
    close,
    judge: async (step, { signal }) => {
      const place = { where, about: step.id, timeoutMs, signal };
      const { label, rationale } = await askModule(call, {
        ...place,
        asked: step,
        read: verdictIn,
        otherwise,
      });
      const explained = cutMiddle(rationale, maxRationaleChars);
      return { label, rationale: explained, judge: name, votes: [], by: origin };
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
