/** The stage `judge` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { Judge } from '../../agent/model.ts';
import type { Judged, SubTrajectory } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import { oneStage, type PartOptions, wiringOf } from './one-stage.ts';
import { type ToolChoice, toolsOf } from './tools-of.ts';

/** A judge's settings as under `judge:` in a topology, or a judge of one's own. */
export type JudgeChoice = NonNullable<TopologySettings['judge']> | Judge;

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
  const made = 'judge' in judge ? judge : undefined;
  const config = 'kind' in judge ? judge : undefined;
  const topology = { seed, tools: settings, stages: { judge: wiringOf(options) } };
  return oneStage('judge', config === undefined ? topology : { ...topology, judge: config }, {
    ...options,
    own: { judge: made, tools: own },
  });
}
