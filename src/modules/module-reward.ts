/** The reward `module`: a function of the user's gives each step its number. */
import { z } from 'zod';
import { cutMiddle } from '../agent/cut-text.ts';
import type { RewardModel } from '../agent/model.ts';
import { ModelError } from '../errors.ts';
import type { RewardCall } from '../parts/calls.ts';
import { kind } from '../parts/kind.ts';
import {
  callModule,
  type ModuleContext,
  type ModulePart,
  openModulePart,
  readGiven,
  shown,
} from './call-module.ts';
import { moduleSettings } from './module-settings.ts';

export const moduleReward = kind({
  name: 'module',
  about: "A reward of one's own, in a module.",
  settings: moduleSettings.extend({
    maxRationaleChars: z.int().min(100).default(4000).describe('Longer explanations lose their middle.'),
  }),
  make: async (config, context: ModuleContext): Promise<RewardModel> =>
    rewardOf(await openModulePart('reward', config, context), config),
});

/** The settings of one that a program hands over. */
export const givenReward = moduleReward.settings.pick({ timeoutMs: true, maxRationaleChars: true });

/** A reward model of the user's function. */
export function rewardOf(
  { call, origin, name, where, close }: ModulePart<RewardCall>,
  config: z.output<typeof givenReward>,
): RewardModel {
  return {
    name,
    close,
    score: async (step, { signal }) => {
      const about = step.subTrajectory.id;
      const place = { where, about, timeoutMs: config.timeoutMs, signal };
      // A copy: what a module changes in its record must not be recorded.
      const given = structuredClone(step);
      const answer = await callModule((end) => call(given, { signal: end }), place);
      const { value, rationale = '' } = readGiven(() => rewardIn(answer), place) ?? {};
      if (value === undefined || typeof rationale !== 'string') {
        throw new ModelError(
          `${where} gave ${about} no reward: expected a finite number, or { value, rationale }, found ${shown(answer)}`,
        );
      }
      const explained = cutMiddle(rationale, config.maxRationaleChars);
      return { value, rationale: explained, model: name, votes: [], by: origin };
    },
  };
}

function rewardIn(answer: unknown): { readonly value: number; readonly rationale?: unknown } | null {
  if (typeof answer === 'number') return Number.isFinite(answer) ? { value: answer } : null;
  if (typeof answer !== 'object' || answer === null) return null;
  const { value, rationale } = answer as { value?: unknown; rationale?: unknown };
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  return { value, ...(rationale === undefined ? {} : { rationale }) };
}
