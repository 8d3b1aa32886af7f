/** What the operators `judge` and `reward` share: a part that is settings, made, or of one's own. */
import type { ModulePart } from '../../modules/call-module.ts';
import { type GivenPart, isGiven, openGivenPart, split } from '../../modules/given-part.ts';
import { givenReviewer, type ReviewerSettings } from '../../modules/module-reviewer.ts';
import type { Own } from '../../open-parts.ts';
import type { PartCalls } from '../../parts/define.ts';
import { checked } from './checked.ts';
import { oneStage, type PartOptions, wiringOf } from './one-stage.ts';
import { type ToolChoice, toolsOf } from './tools-of.ts';

type Name = 'judge' | 'reward';

/** What judges and reward models may need beside their settings. */
export interface JudgeOptions extends PartOptions {
  /** The tools of the policy, as in a topology or made: the judge `rules` asks a pure one again. */
  readonly tools?: ToolChoice;
}

/** How a part is made of a function of one's own. */
type MadeOf<N extends Name, Part> = (made: ModulePart<PartCalls[N]>, settings: ReviewerSettings) => Part;

/** The stage of that name. Throws a `ConfigError` at once where the settings are wrong. */
export function reviewer<N extends Name, Part extends object>(
  name: N,
  choice: object | Part | GivenPart<N>,
  options: JudgeOptions,
  of: MadeOf<N, Part>,
) {
  const { tools, seed = 0 } = options;
  const { settings, own } = toolsOf(tools);
  const [written, made] =
    'kind' in choice
      ? [{ [name]: choice }, undefined]
      : [{}, ownPart(name, choice as Part | GivenPart<N>, of)];
  const topology = { seed, tools: settings, ...written, stages: { [name]: wiringOf(options) } };
  return oneStage(name, topology, { ...options, own: { [name]: made, tools: own } });
}

/** Throws a `ConfigError` where what is said beside it is wrong. */
function ownPart<N extends Name, Part extends object>(
  name: N,
  choice: Part | GivenPart<N>,
  of: MadeOf<N, Part>,
): Own<Part> {
  if (!isGiven<N>(choice)) return choice;
  const { module, settings, ...rest } = split(choice);
  const config = checked(name, givenReviewer, rest);
  const part = { module, ...(settings && { settings }) };
  return async (context) => of(await openGivenPart(name, part, context), config);
}
