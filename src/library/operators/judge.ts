/** The stage `judge` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { Judge } from '../../agent/model.ts';
import { type GivenPart, isGiven, openGivenPart, split } from '../../modules/given-part.ts';
import { givenJudge, judgeOf } from '../../modules/module-judge.ts';
import type { Own } from '../../open-parts.ts';
import type { Judged, SubTrajectory } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import { checked } from './checked.ts';
import { oneStage, type PartOptions, wiringOf } from './one-stage.ts';
import { type ToolChoice, toolsOf } from './tools-of.ts';

/**
 * A judge's settings as under `judge:` in a topology, or a judge of one's own: made, a function, what
 * `defineJudge` gives, or either of these with settings.
 */
export type JudgeChoice = NonNullable<TopologySettings['judge']> | Judge | GivenPart<'judge'>;

/** What judges and reward models may need beside their settings. */
export interface JudgeOptions extends PartOptions {
  /** The tools of the policy, as in a topology or made: the judge `rules` asks a pure one again. */
  readonly tools?: ToolChoice;
}

/**
 * Every sub-trajectory gets a verdict: GOOD, BAD, or UNKNOWN where the judge could not be reached or
 * understood, which is a failure too.
 *
 * @example
 * steps.pipe(judge({ kind: 'rules' }, { tools: { calculator: { kind: 'calculator' } } }));
 */
export function judge(
  judge: JudgeChoice,
  options: JudgeOptions = {},
): OperatorFunction<SubTrajectory, Judged> {
  const { tools, seed = 0 } = options;
  const { settings, own } = toolsOf(tools);
  const [written, made] = 'kind' in judge ? [{ judge }, undefined] : [{}, ownJudge(judge)];
  const topology = { seed, tools: settings, ...written, stages: { judge: wiringOf(options) } };
  return oneStage('judge', topology, { ...options, own: { judge: made, tools: own } });
}

/** Throws a `ConfigError` where what is said beside it is wrong. */
function ownJudge(judge: Judge | GivenPart<'judge'>): Own<Judge> {
  if (!isGiven<'judge'>(judge)) return judge;
  const { module, settings, ...rest } = split(judge);
  const config = checked('judge', givenJudge, rest);
  const part = { module, ...(settings && { settings }) };
  return async (context) => judgeOf(await openGivenPart('judge', part, context), config);
}
