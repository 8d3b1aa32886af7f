/** The reward `module`: a function of the user's gives each step its number. */
import { cutMiddle } from '../agent/cut-text.ts';
import type { RewardModel } from '../agent/model.ts';
import type { RewardCall } from '../parts/calls.ts';
import { askModule, type ModulePart } from './call-module.ts';
import { type ReviewerSettings, reviewerKind } from './module-reviewer.ts';

export const moduleReward = reviewerKind('reward', "A reward of one's own, in a module.", rewardOf);

/** A reward model of the user's function. */
export function rewardOf(part: ModulePart<RewardCall>, settings: ReviewerSettings): RewardModel {
  const otherwise = 'no reward: expected a finite number, or { value, rationale }';
  return {
    name: part.name,
    close: part.close,
    score: async (step, { signal }) => {
      const { value, rationale } = await askModule(part.call, {
        ...{ where: part.where, about: step.subTrajectory.id, timeoutMs: settings.timeoutMs, signal },
        ...{ asked: step, read: rewardIn, otherwise },
      });
      const explained = cutMiddle(rationale, settings.maxRationaleChars);
      return { value, rationale: explained, model: part.name, votes: [], by: part.origin };
    },
  };
}

function rewardIn(answer: unknown): { readonly value: number; readonly rationale: string } | null {
  if (typeof answer === 'number') return Number.isFinite(answer) ? { value: answer, rationale: '' } : null;
  if (typeof answer !== 'object' || answer === null) return null;
  const { value, rationale = '' } = answer as { value?: unknown; rationale?: unknown };
  if (typeof value !== 'number' || !Number.isFinite(value) || typeof rationale !== 'string') return null;
  return { value, rationale };
}
